# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Graphs that ONNX Runtime has optimised for the CPU, kept on disk: to load them takes a third of the time."""
from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path

import onnxruntime

from famda_ros.files import atomic_path
from famda_ros.student.providers import PROVIDERS, cpu_name, default_cache, file_name, session_options, versions


def graph_folder(model: bytes, provider: str) -> Path:
    """Return the folder for the graphs of one model on one machine, one file per network size.

    Args:
        model: content of the model file.
        provider: that was asked for: where another one is, engines are to be built as well.
    """
    parts = [hashlib.sha256(model).hexdigest()[:16], provider, cpu_name(), versions()]
    return default_cache() / 'graphs' / file_name(parts)


def kept_graphs(folder: Path) -> list[Path]:
    """Return the complete graphs in a folder."""
    return sorted(folder.glob('[!.]*.onnx'))


def open_kept(
    data: bytes, options: Callable[[], onnxruntime.SessionOptions], threads: int, file: Path
) -> onnxruntime.InferenceSession | None:
    """Return a session of a graph that is kept, or is kept from now on; None = it can be neither.

    A file that cannot be read is written again; a folder that cannot be written, or a full disk, is no error.

    Args:
        data: content of the model file.
        options: makes the options of a session of the model itself.
        threads: of one inference; 0 = one per core.
        file: of the graph.
    """
    providers, finished = [PROVIDERS['cpu']], session_options(threads)
    finished.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    # ONNX Runtime raises types of its own that it does not export.
    if file.exists():
        with contextlib.suppress(Exception):
            return onnxruntime.InferenceSession(str(file), finished, providers=providers)
    with contextlib.suppress(Exception), atomic_path(file) as temporary:
        saving = options()
        saving.optimized_model_filepath = str(temporary)
        return onnxruntime.InferenceSession(data, saving, providers=providers)
    return None
