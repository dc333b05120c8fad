# SPDX-License-Identifier: Apache-2.0
"""The Python package for pip: offline analysis and training. On ROS machines CMake installs it."""

from setuptools import find_packages, setup

setup(
    # The message texts travel inside the package: recordings are read and written without ROS.
    packages=[
        *find_packages(include=["thermal_pose", "thermal_pose.*"]),
        "thermal_pose.bags.definitions",
    ],
    package_dir={"thermal_pose.bags.definitions": "msg"},
    package_data={
        "thermal_pose.bags.definitions": ["*.msg"],
        "thermal_pose": ["py.typed", "assets/*", "assets/demo/*"],
        "thermal_pose.report": ["static/*"],
    },
    include_package_data=True,
)
