# SPDX-License-Identifier: Apache-2.0
"""Where the YAML files of nodes and trainings are."""

from pathlib import Path

from thermal_pose.errors import ConfigError


def config_folder() -> Path:
    """Return the folder of `config/*.yaml`: in the checkout, in the wheel or in the ament share.

    Raises
    ------
    ConfigError
        There is none of these.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package.parent / "config", package / "config"):
        if (folder / "training.yaml").is_file():
            return folder
    try:
        from ament_index_python.packages import (
            PackageNotFoundError,
            get_package_share_directory,
        )
    except ModuleNotFoundError as error:
        raise ConfigError(
            "the folder config/ is not beside the package: install it again"
        ) from error
    try:
        return Path(get_package_share_directory("thermal_pose")) / "config"
    except PackageNotFoundError as error:
        raise ConfigError(
            "the folder config/ is neither beside the package nor in the ament index: source the "
            "workspace's setup file"
        ) from error
