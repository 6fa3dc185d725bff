# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Load a student while the rest of the process goes on, also with an ONNX Runtime that does not let it.

Before version 1.31 it holds Python's lock while it makes a session: services, frames and signals wait.  Most of the
time it optimises the graph and builds engines, so another process does that first, once per model, and leaves the
result on disk.  To load that holds the lock for hundredths of a second.
"""
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from famda_ros.resources import resolve
from famda_ros.student.kept_graph import graph_folder, kept_graphs
from famda_ros.student.model_card import read_model
from famda_ros.student.providers import loads_in_background
from famda_ros.student.runtime import Reminder, Student

PR_SET_PDEATHSIG = 1
"""Option of prctl(2): the signal that a process gets when the one that started it ends."""
PREPARE = f'''
import ctypes, os, sys
# Not asked to end but made to: it holds its own lock, too, and hears no signal that Python handles.
ctypes.CDLL(None).prctl({PR_SET_PDEATHSIG}, {int(signal.SIGKILL)})
if os.getppid() == int(sys.argv[1]):  # else the other one has ended before
    from {__name__} import prepare
    prepare(sys.argv[2])
'''
"""What the other process runs: the imports take long, so they come last."""


def load_student(
    path: str | Path,
    threads: int,
    provider: str,
    fallback: bool,
    progress: Callable[[str], None],
    in_background: bool = loads_in_background(),
) -> Student:
    """Load a student as :class:`Student` does; the lock is held for a short time only.

    Args:
        path, threads, provider, fallback, progress: as :class:`Student` has them.
        in_background: whether this ONNX Runtime leaves the lock alone, so that nothing is to be prepared.

    Raises:
        FamdaError: as :class:`Student`.
    """
    file = resolve(path)
    options: dict[str, Any] = {'threads': threads, 'provider': provider, 'fallback': fallback}
    if in_background:
        return Student(file, **options, progress=progress)
    graphs = graph_folder(read_model(file), provider)
    try:
        graphs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        progress(
            f"the node stands still while it loads '{file.name}': cannot keep it prepared in '{graphs.parent}' "
            f'({error.strerror}); set FAMDA_CACHE to a folder that can be written'
        )
        return Student(file, **options, progress=progress)
    options['graphs'] = graphs
    if not kept_graphs(graphs):
        _prepare_apart(file, options, progress)
    return Student(file, **options, progress=progress)  # what went wrong in the other process is told here


def _prepare_apart(file: Path, options: dict[str, Any], progress: Callable[[str], None]) -> None:
    """Have another process load the student, which keeps what it has prepared; it ends with this one."""
    quiet = subprocess.DEVNULL
    with Reminder(f"preparing '{file.name}' in another process", progress):
        subprocess.run(
            [sys.executable, '-c', PREPARE, str(os.getpid()), json.dumps({'path': str(file), **options}, default=str)],
            stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True, check=False,
        )  # fmt: skip


def prepare(described: str) -> None:
    """Load the student that a JSON text describes; the other process runs this."""
    options = json.loads(described)
    Student(**{**options, 'graphs': Path(options['graphs'])})
