#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Run a command with the checkout's .venv, which is an ament prefix. The working directory is kept.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
unset _ROS_WHEELS_BOOTSTRAP_COMPLETE PYTHONPATH PYTHONHOME
export VIRTUAL_ENV="$root/.venv" AMENT_PREFIX_PATH="$root/.venv" PATH="$root/.venv/bin:$PATH"
export LD_LIBRARY_PATH="$root/.venv/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
exec "$@"
