#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Set up beside a sourced ROS 2 installation: a .venv that sees its packages, and a colcon build
# whose executables start that .venv. Afterwards `source install/setup.bash` is enough.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
level=$1
cd "$root"
command -v colcon >/dev/null || {
  echo "[setup] error: ROS 2 $ROS_DISTRO is sourced but colcon is missing: install python3-colcon-common-extensions" >&2
  exit 1
}
case $ROS_DISTRO in
  jazzy | kilted | rolling) ;;
  *) echo "[setup] error: ROS 2 $ROS_DISTRO is not supported: expected jazzy, kilted or rolling (Python 3.11 or later)" >&2
     exit 1 ;;
esac
if [ ! -x .venv/bin/pip ]; then
  python3 -m venv --system-site-packages .venv
  touch .venv/COLCON_IGNORE
fi
wanted=$(cat requirements/ros-sourced.txt requirements/test.txt requirements/torch.txt | sha256sum | cut -c1-16)
if [ ! -e ".venv/.ros-$level-$wanted" ]; then
  .venv/bin/pip install --quiet --disable-pip-version-check -r requirements/ros-sourced.txt
  if [ "$level" = test ]; then
    .venv/bin/pip install --quiet --disable-pip-version-check ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} \
      -r requirements/torch.txt -r requirements/test.txt
  fi
  touch ".venv/.ros-$level-$wanted"
fi
# Links into the checkout: an edited file needs no rebuild, a new one does.
colcon --log-base build/log build --base-paths . --build-base build/colcon --install-base install \
  --symlink-install \
  --cmake-args -DTHERMAL_POSE_PYTHON="$root/.venv/bin/python3" -DBUILD_TESTING=OFF
