# SPDX-License-Identifier: Apache-2.0
"""Prepares, before the first test and once, what first use would otherwise build or compile.

Compiling the simulation's kernels and building the body model take minutes on a slow machine.
Both are kept on disk. They are done here, outside every test's time limit; of several test
processes one does the work while the others wait for it.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Baked bodies that tests use. A test that needs another body bakes it into this folder, which
#: takes the body model and shows in `git status`: commit the file.
BODIES = Path(__file__).resolve().parents[1] / "data" / "bodies"


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process of this user in at a time."""
    path = Path(tempfile.gettempdir()) / f"thermal_pose-tests-{os.getuid()}.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def compile_kernels() -> None:
    """Render one frame with both cameras, which compiles every kernel of the simulation."""
    import numpy as np

    from thermal_pose.lab.simulation.stream.clips import ClipKind
    from thermal_pose.lab.simulation.stream.frames import StreamOptions, TrainingStream

    shares = {ClipKind.WARD: 1.0}
    stream = TrainingStream(StreamOptions(n_bodies=1, shares=shares, with_rgb=True))
    _, frame = next(stream.frames(0))
    assert np.ptp(frame.thermal.centikelvin) > 0


def build_body_model() -> None:
    """Build the parametric body model, which its library then keeps in the user's cache."""
    from thermal_pose.lab.simulation.people.bake import _source_models

    _source_models()


def prepare(marks: set[str]) -> None:
    """Prepare what tests with these marks need; without the extra 'sim' there is nothing to do."""
    steps = {"simulation": compile_kernels, "body_model": build_body_model}
    wanted = [step for mark, step in steps.items() if mark in marks]
    if not wanted:
        return
    with _alone():
        for step in wanted:
            step()
