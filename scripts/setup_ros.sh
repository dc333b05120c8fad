#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Set up where a ROS 2 installation is sourced: a .venv that sees its packages, and colcon.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
level=$1
cd "$root"
command -v colcon >/dev/null || {
  echo "[setup] error: ROS 2 $ROS_DISTRO is sourced but colcon is missing: install python3-colcon-common-extensions" >&2
  exit 1
}
[ -x .venv/bin/pip ] || python3 -m venv --system-site-packages .venv
wanted=$(cat requirements/ros-sourced.txt requirements/test.txt requirements/torch.txt | sha256sum | cut -c1-16)
if [ ! -e ".venv/.ros-$level-$wanted" ]; then
  .venv/bin/pip install --quiet --disable-pip-version-check -r requirements/ros-sourced.txt
  if [ "$level" = test ]; then
    .venv/bin/pip install --quiet --disable-pip-version-check ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} \
      -r requirements/torch.txt -r requirements/test.txt
  fi
  touch ".venv/.ros-$level-$wanted"
fi
# The Python runs from the checkout, so editing it needs no rebuild.
colcon --log-base build/log build --base-paths . --build-base build/colcon --install-base install \
  --cmake-args -DTHERMAL_POSE_INSTALL_PYTHON=OFF -DBUILD_TESTING=OFF
