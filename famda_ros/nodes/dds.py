# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The DDS settings without which images are lost, and environments for our processes.

With the defaults of Fast DDS three of four 720p images do not arrive; the profile in
``config/`` cures it.  A profile file that is missing is ignored by Fast DDS with one
line on stderr, so it is checked here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from famda_ros.errors import FamdaError
from famda_ros.resources import resource

PROFILE_VARIABLES = {2: 'FASTRTPS_DEFAULT_PROFILES_FILE', 3: 'FASTDDS_DEFAULT_PROFILES_FILE'}
"""Major version of Fast DDS → the one variable that it reads."""
FAST_DDS_2 = ('humble', 'iron', 'jazzy')
"""ROS 2 distributions that come with Fast DDS 2; the others have 3."""
WHEEL = 'ros-rclpy'
FIRST_RCLPY_OF_FAST_DDS_3 = 8
"""Major version of the wheel; Jazzy's is 7, Kilted's 9."""
PROFILE = 'config/fastdds_profile.xml'
PUBLICATION_VARIABLE = 'RMW_FASTRTPS_PUBLICATION_MODE'
_BOOTSTRAP_GUARD = '_ROS_WHEELS_BOOTSTRAP_COMPLETE'


def profile_variable(environ: Mapping[str, str] | None = None) -> str:
    """Return the environment variable that this ROS 2's Fast DDS reads its profile from.

    Args:
        environ: environment with ROS_DISTRO where a distribution is sourced; None = of this process.
    """
    distribution = (os.environ if environ is None else environ).get('ROS_DISTRO', '')
    if distribution:
        return PROFILE_VARIABLES[2 if distribution in FAST_DDS_2 else 3]
    try:
        major = int(metadata.version(WHEEL).partition('.')[0])
    except (metadata.PackageNotFoundError, ValueError):
        return PROFILE_VARIABLES[3]
    return PROFILE_VARIABLES[2 if major < FIRST_RCLPY_OF_FAST_DDS_3 else 3]


def profile_path() -> Path:
    """Return the Fast DDS profile that is shipped with the package."""
    return resource(PROFILE).resolve()


def check_profile(environ: Mapping[str, str] | None = None, required: bool = False) -> Path | None:
    """Return the profile that Fast DDS will use; None when none is set.

    Args:
        environ: environment to check; None = of this process.
        required: not having one is an error, too.

    Raises:
        FamdaError: the variable names a missing file, or it is unset and ``required``.
    """
    environ = os.environ if environ is None else environ
    variable = profile_variable(environ)
    value = environ.get(variable, '')
    if not value:
        if required:
            raise FamdaError(f'{variable} is not set: images would be lost; set it to {profile_path()}')
        return None
    if not Path(value).is_file():
        raise FamdaError(
            f"{variable} names the file '{value}', which does not exist; "
            'correct or unset it (without a profile Fast DDS loses most images)'
        )
    return Path(value)


def send_in_background() -> None:
    """Let Fast DDS send from a thread of its own what this process publishes from now on; a user's setting stays.

    Else ``publish`` returns when an image of megabytes has been sent, and lets nothing else of Python run until then.
    """
    os.environ.setdefault(PUBLICATION_VARIABLE, 'ASYNCHRONOUS')


def environment(domain_id: int | None = None, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for a ROS process that talks on this machine only.

    Args:
        domain_id: ROS_DOMAIN_ID, 0..101; None = as in ``base``.
        base: environment to start from; None = of this process.

    Raises:
        FamdaError: the profile is missing, or the domain is not 0..101.
    """
    result = dict(os.environ if base is None else base)
    result['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    result[profile_variable(result)] = str(profile_path())
    if domain_id is not None:
        if not 0 <= domain_id <= 101:  # above it the UDP ports of DDS collide with Linux's ephemeral ports
            raise FamdaError(f'the ROS domain must be 0..101, not {domain_id}')
        result['ROS_DOMAIN_ID'] = str(domain_id)
    # The bootstrapper of the ROS wheels re-executes Python once to set LD_LIBRARY_PATH; inheriting its guard
    # without that path makes rclpy fail to load.
    if 'LD_LIBRARY_PATH' not in result:
        result.pop(_BOOTSTRAP_GUARD, None)
    check_profile(result, required=True)
    return result
