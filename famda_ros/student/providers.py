# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What can run a student here: the execution providers of ONNX Runtime, and their engines on disk."""
from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime

from famda_ros.errors import FamdaError

PROVIDERS = {
    'tensorrt': 'TensorrtExecutionProvider',
    'cuda': 'CUDAExecutionProvider',
    'openvino': 'OpenVINOExecutionProvider',
    'cpu': 'CPUExecutionProvider',
}
"""Our names → names of ONNX Runtime, best first."""

AUTO = 'auto'

PACKAGES = {
    'tensorrt': "onnxruntime-gpu and TensorRT: pip install 'famda_ros[gpu]' tensorrt",
    'cuda': "onnxruntime-gpu: pip install 'famda_ros[gpu]'",
    'openvino': "onnxruntime-openvino: pip install 'famda_ros[openvino]'",
}
"""What brings a provider; each replaces the plain onnxruntime, so only one of them can be installed."""

BUILDS_ENGINES = ('tensorrt', 'openvino')
"""Providers that compile a model for the device, and keep the result."""


FIRST_TO_LOAD_IN_BACKGROUND = (1, 31)
"""Version of ONNX Runtime from which the rest of Python goes on while a model is loaded."""


def loads_in_background(version: str = onnxruntime.__version__) -> bool:
    """Tell whether the rest of Python goes on while ONNX Runtime makes a session.

    An older one holds Python's lock meanwhile; see :mod:`famda_ros.student.load_student`.
    """
    return tuple(int(part) for part in version.split('.')[:2]) >= FIRST_TO_LOAD_IN_BACKGROUND


def candidates(wanted: str = AUTO) -> list[str]:
    """Return the providers to try, best first.

    Args:
        wanted: a name of :data:`PROVIDERS`, or 'auto' = all that this ONNX Runtime was built with.

    Raises:
        FamdaError: no such provider, or this ONNX Runtime lacks it.
    """
    built_in = onnxruntime.get_available_providers()
    present = [name for name, long_name in PROVIDERS.items() if long_name in built_in]
    if wanted == AUTO:
        return present
    if wanted not in PROVIDERS:
        raise FamdaError(f"unknown provider '{wanted}'; choose one of {', '.join([AUTO, *PROVIDERS])}")
    if wanted not in present:
        raise FamdaError(
            f"the provider '{wanted}' is not available: this onnxruntime has {', '.join(present)}; "
            f'it comes with {PACKAGES[wanted]}'
        )
    return [wanted]


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """Return options of an inference session that logs errors only.

    Args:
        threads: of one inference on the CPU; 0 = one per core.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    # Threads that wait for each other sleep: a robot's other nodes need the cores (docs/performance.md).
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    return options


def provider_options(name: str, precision: str, threads: int, folder: Path | None) -> dict[str, Any]:
    """Return the options that ONNX Runtime gets for a provider.

    Args:
        name: of :data:`PROVIDERS`.
        precision: of the model: 'fp32', 'fp16' or 'int8'.
        threads: of one inference on the CPU; 0 = one per core.
        folder: where engines are kept; None = they are not.
    """
    if name == 'tensorrt':
        options: dict[str, Any] = {'trt_fp16_enable': precision != 'fp32', 'trt_int8_enable': precision == 'int8'}
        if folder is not None:
            options.update(
                trt_engine_cache_enable=True,
                trt_engine_cache_path=str(folder),
                trt_timing_cache_enable=True,
                trt_timing_cache_path=str(folder),
            )
        return options
    if name == 'cuda':
        return {'cudnn_conv_algo_search': 'EXHAUSTIVE', 'cudnn_conv_use_max_workspace': '1'}
    if name == 'openvino':
        options = {'device_type': 'CPU'}
        if threads:
            options['num_of_threads'] = str(threads)
        if precision == 'fp32' and computes_bf16():  # else ONNX Runtime has OpenVINO compute in float32
            options['load_config'] = json.dumps({'CPU': {'INFERENCE_PRECISION_HINT': 'bf16'}})
        if folder is not None:
            options['cache_dir'] = str(folder)
        return options
    return {}


def engine_folder(
    model: bytes, name: str, precision: str, cache: str | Path | None = None, size: tuple[int, int] | None = None
) -> Path:
    """Return the folder for the engines of one model on one device, which other models and devices never share.

    Args:
        model: content of the model file.
        name: of :data:`PROVIDERS`.
        precision: of the model.
        cache: folder of all engines; None = $FAMDA_CACHE, else famda in the user's cache folder.
        size: (height, width) that the engine is for; None = the model has one shape.
    """
    root = Path(cache) if cache is not None else default_cache()
    parts = [hashlib.sha256(model).hexdigest()[:16], name, precision, device_name(name), versions()]
    if size is not None:
        parts.insert(1, f'{size[1]}x{size[0]}')
    return root / 'engines' / file_name(parts)


def file_name(parts: Sequence[str]) -> str:
    """Return a name for a file or folder, made of words of any kind."""
    return '-'.join(re.sub(r'[^A-Za-z0-9.]+', '_', part).strip('_') for part in parts)


def default_cache() -> Path:
    """Return the folder in which this user keeps what can be made again."""
    if own := os.environ.get('FAMDA_CACHE'):
        return Path(own).expanduser()
    return Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'famda'


def device_name(name: str) -> str:
    """Return the name of what a provider computes on; a GPU's as its driver reports it."""
    if name in ('tensorrt', 'cuda'):
        for path in sorted(Path('/proc/driver/nvidia/gpus').glob('*/information')):
            if match := re.search(r'^Model:\s*(.+)$', path.read_text(), re.MULTILINE):
                return match[1].strip()
        return 'gpu'
    return cpu_name()


def computes_bf16() -> bool:
    """Tell whether the processor has matrix units for bfloat16 (AMX), with which float32 networks run faster."""
    return re.search(r'^flags\s*:.*\bamx_bf16\b', _cpu_info(), re.MULTILINE) is not None


def cpu_name() -> str:
    """Return the name that the processor gives itself."""
    match = re.search(r'^model name\s*:\s*(.+)$', _cpu_info(), re.MULTILINE)
    return match[1].strip() if match else platform.processor() or platform.machine()


def _cpu_info() -> str:
    try:
        return Path('/proc/cpuinfo').read_text()
    except OSError:
        return ''


def versions() -> str:
    """Return the versions that an engine depends on."""
    try:
        import tensorrt

        return f'ort{onnxruntime.__version__}-trt{tensorrt.__version__}'
    except ImportError:
        return f'ort{onnxruntime.__version__}'
