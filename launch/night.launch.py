# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Perception by night: perception.launch.py with the profile night, and with all its other arguments."""

import runpy
from pathlib import Path


def generate_launch_description():
    """Return the launch description."""
    perception = runpy.run_path(str(Path(__file__).with_name('perception.launch.py')))
    return perception['generate_launch_description'](profile='night')
