# SPDX-License-Identifier: Apache-2.0
"""Measure what a training step of `student-lite` costs on this CPU, for docs/distillation.md.

    bash scripts/with_venv.sh env OMP_NUM_THREADS=1 python scripts/training_speed.py
    bash scripts/with_venv.sh env OMP_NUM_THREADS=1 LD_PRELOAD=libjemalloc.so.2 \\
        MALLOC_CONF=oversize_threshold:0,dirty_decay_ms:-1,muzzy_decay_ms:-1 \\
        python scripts/training_speed.py

Number formats and memory layouts take turns, so that other work slows all alike; the figures are
medians, in crops a second of processor time. Each call adds its allocator's to the file.
"""

import json
import os
import time
from pathlib import Path
from statistics import median

import torch

from thermal_pose.lab.benchmark.machine import describe_machine
from thermal_pose.lab.learning.fitting.losses import adaptive_wing
from thermal_pose.lab.learning.students.ship import SHIPPED

OUT = Path("docs/results/training_speed.json")
_BATCH, _ROUNDS = 32, 5
_FORMS = {
    "fp32": (False, torch.contiguous_format),
    "fp32_channels_last": (False, torch.channels_last),
    "bf16_channels_last": (True, torch.channels_last),
}


def main() -> None:
    """Time all forms in turns, write and print the file."""
    image = torch.randn(_BATCH, 1, 256, 192).expand(-1, 3, -1, -1)
    target = torch.rand(_BATCH, 17, 64, 48)
    networks = {
        name: SHIPPED["student-lite"].build().train().to(memory_format=layout)  # type: ignore[call-overload]
        for name, (_, layout) in _FORMS.items()
    }
    spent_s: dict[str, list[float]] = {name: [] for name in _FORMS}
    for turn in range(_ROUNDS + 1):  # the first chooses kernels
        for name, (bf16, _) in _FORMS.items():
            began_s = time.process_time()
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16, cache_enabled=False):
                heatmaps = networks[name].heatmaps(image)
            adaptive_wing(heatmaps.float(), target).backward()
            if turn:
                spent_s[name].append(time.process_time() - began_s)
    found = json.loads(OUT.read_text(encoding="utf-8")) if OUT.is_file() else {}
    allocator = "jemalloc" if "jemalloc" in os.environ.get("LD_PRELOAD", "") else "default"
    found[allocator] = {
        "machine": describe_machine(),
        "threads": torch.get_num_threads(),
        "crops_per_cpu_s": {name: round(_BATCH / median(s), 1) for name, s in spent_s.items()},
    }
    OUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"{allocator}: {json.dumps(found[allocator]['crops_per_cpu_s'])}")


if __name__ == "__main__":
    main()
