# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Find the files that are installed beside the code: config, launch, models."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from famda_ros.errors import FamdaError

PACKAGE = 'famda_ros'
PREFIX = f'package://{PACKAGE}/'
DEFAULT_MODEL = f'{PREFIX}models/street.onnx'
"""The student that comes with the package."""


def share_folders() -> list[Path]:
    """Return where this package's ``config``, ``launch`` and ``models`` may lie, the likeliest first.

    A source checkout or editable install has them beside the package, colcon and pip
    put them under ``<prefix>/share/famda_ros``.
    """
    package = Path(__file__).resolve().parent
    folders = [package.parent] if (package.parent / 'setup.py').is_file() else []
    # <prefix>/lib/pythonX.Y/site-packages/famda_ros -> <prefix>
    prefixes = [str(package.parents[3])] if len(package.parents) > 3 else []
    prefixes += [p for p in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if p]
    prefixes.append(sys.prefix)
    return folders + [Path(prefix) / 'share' / PACKAGE for prefix in prefixes]


def resource(relative: str) -> Path:
    """Return the installed file ``relative``, for example 'config/perception.yaml'.

    Raises:
        FamdaError: it is not installed.
    """
    folders = share_folders()
    for folder in folders:
        if (folder / relative).is_file():
            return folder / relative
    looked = ', '.join(map(str, folders))
    raise FamdaError(f"the file '{relative}' of famda_ros is not installed (looked in {looked}); install it again")


def resolve(path: str | Path) -> Path:
    """Return the file that a user means; ``package://famda_ros/...`` is an installed one.

    Raises:
        FamdaError: it begins so and is not installed.
    """
    text = str(path)
    return resource(text.removeprefix(PREFIX)) if text.startswith(PREFIX) else Path(path)
