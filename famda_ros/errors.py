# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The one exception a user is meant to read, and the commonest reason for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

Value = TypeVar('Value')

EXIT_OK, EXIT_ERROR, EXIT_INTERRUPTED = 0, 2, 130


class FamdaError(Exception):
    """A fault with one clear sentence that says what is wrong and what to do.

    Command lines print the sentence and exit with code 2; nodes report it in the
    log and in diagnostics.  Anything else that is raised is a bug and keeps its
    traceback.
    """


def choose(table: Mapping[str, Value], name: str, what: str) -> Value:
    """Return ``table[name]``.

    Args:
        table: what there is to choose from.
        name: the user's choice.
        what: what the entries are, for the message.

    Raises:
        FamdaError: no such entry; names those there are.
    """
    if name not in table:
        raise FamdaError(f"unknown {what} '{name}'; choose one of {', '.join(table)}")
    return table[name]
