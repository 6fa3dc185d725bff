# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What verbs that read recordings print about them."""

from __future__ import annotations

from typing import Any

MOST_NAMED = 5
"""Sentences of one kind on the terminal; --json has all."""


def print_warnings(result: dict[str, Any]) -> None:
    """Print what was lost (``losses``) and what is wrong with the calibration (``calibration``) of a recording."""
    for sentence in result['losses'][:MOST_NAMED]:
        print(f'warning: {sentence}')
    if (more := len(result['losses']) - MOST_NAMED) > 0:
        print(f'warning: {more} more of this kind; --json names all')
    for sentence, times in result['calibration'].items():
        print(f'warning: {sentence} ({times} times)')
