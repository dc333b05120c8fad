#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Run a command with the sourced ROS 2 installation, the built package and the checkout's .venv.
# The working directory is kept.
set -eo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/install/local_setup.bash"
export PYTHONPATH="$root:${PYTHONPATH:-}" PATH="$root/.venv/bin:$root/install/thermal_pose/bin:$PATH"
exec "$@"
