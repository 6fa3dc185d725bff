# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Where a training run keeps its files, and that it replaces none by accident."""
from __future__ import annotations

from pathlib import Path

from famda_ros.errors import FamdaError


def run_folder(out: str | Path) -> Path:
    """Return the folder with the log and the checkpoint to resume from of a run that writes ``out``."""
    return Path(out).with_suffix('.run')


def last_checkpoint(out: str | Path) -> Path:
    """Return the checkpoint to resume from."""
    return run_folder(out) / 'last.ckpt'


def check_nothing_is_replaced(out: str | Path) -> None:
    """Refuse to begin a run over the files of another.

    Raises:
        FamdaError: ``out`` is there, or an interrupted run that writes it.
    """
    last = last_checkpoint(out)
    if last.is_file():
        raise FamdaError(
            f"'{last}' belongs to an interrupted run; continue with --resume=true, or remove it (or give "
            '--overwrite=true to begin anew)'
        )
    if Path(out).exists():
        raise FamdaError(f"'{out}' exists; choose another --out, or replace it with --overwrite=true")


def trained_checkpoint(out: str | Path) -> Path:
    """Return the result of a run, or as long as there is none its last checkpoint.

    Raises:
        FamdaError: there is neither.
    """
    for path in (Path(out), last_checkpoint(out)):
        if path.is_file():
            return path
    raise FamdaError(f"there is no checkpoint '{out}' to validate; train it with famda fit, or name another by --out")
