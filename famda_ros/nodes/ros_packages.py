# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Which ROS packages are installed; launch files look before they start anything, so that nothing is left running."""
from __future__ import annotations

import os

from ament_index_python.packages import PackageNotFoundError, get_package_prefix


def is_installed(package: str) -> bool:
    """Tell whether a ROS package is installed."""
    try:
        get_package_prefix(package)
    except (PackageNotFoundError, LookupError):
        return False
    return True


def apt_command(package: str) -> str:
    """Return the command that installs a ROS package."""
    return f'sudo apt install ros-{os.environ.get("ROS_DISTRO", "<distribution>")}-{package.replace("_", "-")}'


def require(package: str, user: str) -> None:
    """Raise RuntimeError where a package is missing.

    Args:
        package: name of the ROS package.
        user: what needs it, such as 'rviz:=true'.
    """
    if not is_installed(package):
        raise RuntimeError(f'{user} needs {package}; install it with: {apt_command(package)}')
