# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The machine and the versions that a measurement was made with."""
from __future__ import annotations

import os
import platform
from typing import Any

import onnxruntime
import torch

from famda_ros import __version__
from famda_ros.student.providers import cpu_name


def environment() -> dict[str, Any]:
    """Return the machine (``cpu``, ``cores`` and, where there is one, ``gpu``) and the versions that matter."""
    return {
        'cpu': cpu_name(),
        'cores': os.cpu_count(),
        **({'gpu': torch.cuda.get_device_name()} if torch.cuda.is_available() else {}),
        'python': platform.python_version(),
        'torch': torch.__version__,
        'onnxruntime': onnxruntime.__version__,
        'famda': __version__,
    }


def environment_line(values: dict[str, Any]) -> str:
    """Return :func:`environment` in a few words."""
    parts = [values['cpu'], f'{values["cores"]} cores', values.get('gpu', 'no GPU')]
    return ', '.join([*parts, f'PyTorch {values["torch"]}', f'Python {values["python"]}', f'FAMDA {values["famda"]}'])
