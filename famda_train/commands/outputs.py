# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What commands print and write at the end of long work."""
from __future__ import annotations

import errno
import os
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from famda_ros.errors import FamdaError

if TYPE_CHECKING:
    from rich.console import Console

TABLE_WIDTH = 120
"""Characters of a line of a table that goes to no terminal."""


def check_output_file(path: str | Path) -> None:
    """Find out before the work, not after it, whether a file can be written.

    Raises:
        FamdaError: its folder is missing or cannot be written, or ``path`` is a folder itself.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise FamdaError(
            f"cannot write '{path}' ({error.strerror}); name a file in a folder that is there and can be written"
        ) from error


def check_report(path: str | Path) -> None:
    """Find out before the work whether a report can be written.

    Raises:
        FamdaError: no name of an HTML file, or as :func:`check_output_file` says.
    """
    if Path(path).suffix.lower() not in ('.html', '.htm'):
        raise FamdaError(f"the report is an HTML file, so '{path}' must end in .html")
    check_output_file(path)


def command_line(verb: str, *words: str, **options: Any) -> str:
    """Return a command as it is typed; options that are None are left out."""
    given = (f'--{name}={value}' for name, value in options.items() if value is not None)
    return shlex.join(['famda', verb, *words, *given])


def table_console() -> Console:
    """Return what prints tables: as wide as the terminal; in a pipe or a file :data:`TABLE_WIDTH` characters."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = TABLE_WIDTH
    return console


def check_nothing_is_replaced(path: str | Path, overwrite: bool, option: str = '--out') -> None:
    """Refuse to replace a file that nobody asked to replace.

    Args:
        path: file to write.
        overwrite: whether it may be replaced.
        option: by which the user names the file.

    Raises:
        FamdaError: it is there, and may not be replaced.
    """
    if Path(path).exists() and not overwrite:
        raise FamdaError(f"'{path}' exists; choose another {option}, or replace it with --overwrite")
