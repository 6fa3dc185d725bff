# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Files that are either whole or not there."""
from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from famda_ros.errors import FamdaError

NOT_ALLOWED = (errno.EROFS, errno.EACCES, errno.EPERM)

LEFT = re.compile(r'\..+\.\d+\.tmp(\..+)?|\.famda-probe\.\d+')
"""Names of what a killed process may leave."""


@contextlib.contextmanager
def atomic_path(path: str | Path):
    """Yield a temporary path beside ``path``; rename it over ``path`` on success.

    A killed process leaves at most a temporary file, never half of ``path``.
    """
    path = Path(path)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp{path.suffix}')
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: str | Path, content: bytes | str) -> None:
    """Write ``content`` to ``path`` in one step."""
    with atomic_path(path) as temporary:
        if isinstance(content, str):
            temporary.write_text(content, encoding='utf-8')
        else:
            temporary.write_bytes(content)


def remove_leftovers(folder: str | Path) -> None:
    """Remove the temporary files that killed processes have left below ``folder``; none may be at work there."""
    for path in Path(folder).rglob('.*'):
        if LEFT.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def writing_to(path: str | Path, cure: str, not_allowed: str = '') -> Iterator[None]:
    """Turn an OSError of the work inside into one sentence.

    Args:
        path: what is written to, for the sentence.
        cure: what to do about it, such as to make room.
        not_allowed: what to do where the right to write is missing; '' = ``cure``.

    Raises:
        FamdaError: the work raised an OSError.
    """
    try:
        yield
    except OSError as error:
        advice = not_allowed if not_allowed and error.errno in NOT_ALLOWED else cure
        raise FamdaError(f"cannot write to '{path}' ({error.strerror}); {advice}") from error


def make_output_folder(path: str | Path) -> Path:
    """Create the folder ``path`` (parents too) and check that it can be written.

    Raises:
        FamdaError: it cannot be created or written.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f'.famda-probe.{os.getpid()}'
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise FamdaError(f"cannot write to the folder '{path}' ({error.strerror}); choose another --out") from error
    return path


def sha256_of(path: str | Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
