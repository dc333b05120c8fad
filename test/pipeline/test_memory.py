# SPDX-License-Identifier: Apache-2.0
"""A batch of recordings needs no more memory than one of them."""

import tracemalloc
from pathlib import Path

import pytest
from pipeline.test_recorded_trial import DrawnPerception, write_drawn_trial

from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.pipeline import batch

N_FIRST, N_ALL = 4, 12
GROWTH_BYTES = 300_000


def test_memory_does_not_grow_from_trial_to_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bag = write_drawn_trial(tmp_path / "trial")
    bags = [tmp_path / f"visit-{k}" for k in range(N_ALL)]
    for link in bags:
        link.symlink_to(bag, target_is_directory=True)
    monkeypatch.setattr(batch, "_perception", DrawnPerception)
    rows = batch.analyze_many(bags, TugParams(segmenter="hmm"), tmp_path / "out")
    used = []
    tracemalloc.start()
    try:
        for _ in rows:
            used.append(tracemalloc.get_traced_memory()[0])
            tracemalloc.reset_peak()
    finally:
        tracemalloc.stop()
    assert len(used) == N_ALL
    assert used[-1] - used[N_FIRST] < GROWTH_BYTES
    assert len(list((tmp_path / "out").glob("*.json"))) == N_ALL
