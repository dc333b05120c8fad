# SPDX-License-Identifier: Apache-2.0
"""Where a node may write."""

from pathlib import Path

from thermal_pose.errors import ConfigError
from thermal_pose.parameters.nodes import StorageParameters


def check_below_root(parameters: StorageParameters, *names: str) -> None:
    """Refuse output outside `data_root`, where one is configured.

    Parameters
    ----------
    names : the parameters that hold paths; empty ones are not used.

    Raises
    ------
    ConfigError
        A path lies outside, also by way of a link or '..'.
    """
    if not parameters.data_root:
        return
    root = Path(parameters.data_root).resolve()
    for name in names:
        text = getattr(parameters, name)
        if text and not Path(text).resolve().is_relative_to(root):
            raise ConfigError(
                f"{parameters.node_name}.{name} = '{text}': expected a path below data_root = "
                f"'{parameters.data_root}'"
            )
