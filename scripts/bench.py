# SPDX-License-Identifier: Apache-2.0
"""`thermal-pose bench` with the torchvision that `make setup-test` keeps for tests.

Without it the row of Faster R-CNN would be empty on machines whose package index carries the
CUDA build of torchvision alone.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Run the verb with this command line's arguments."""
    sys.path[:0] = [str(ROOT), str(ROOT / "test")]
    from support.torchvision_cpu import import_torchvision

    from thermal_pose.cli.main import main as thermal_pose

    import_torchvision()
    return thermal_pose(["bench", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
