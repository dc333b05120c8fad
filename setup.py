# SPDX-License-Identifier: Apache-2.0
"""The Python package for pip: offline analysis and training. On ROS machines CMake installs it."""

from setuptools import find_packages, setup

setup(
    # Message texts and settings travel inside the package: recordings are read and written, and
    # models trained, without ROS and without a checkout.
    packages=[
        *find_packages(include=["thermal_pose", "thermal_pose.*"]),
        "thermal_pose.bags.definitions",
        "thermal_pose.config",
    ],
    package_dir={"thermal_pose.bags.definitions": "msg", "thermal_pose.config": "config"},
    package_data={
        "thermal_pose.config": ["*.yaml"],
        "thermal_pose.bags.definitions": ["*.msg"],
        "thermal_pose": ["py.typed", "assets/*", "assets/demo/*", "locale/*"],
        "thermal_pose.report": ["static/*"],
        "thermal_pose.serve": ["static/*"],
    },
    include_package_data=True,
)
