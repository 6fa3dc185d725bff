# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Which pictures of a recording are looked at where not all are."""
from __future__ import annotations


def is_chosen(index: int, wanted: int, total: int) -> bool:
    """Tell whether a picture, counted from 0, is one of ``wanted`` that are evenly spread over ``total``."""
    return (index + 1) * wanted // total > index * wanted // total
