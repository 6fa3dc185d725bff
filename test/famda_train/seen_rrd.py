# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What lies in an .rrd file, read back by Rerun itself."""
from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any


def _chunks(path: Path):
    from rerun.chunk import RrdReader

    return RrdReader(path).stream()


def rows(path: Path) -> dict[str, int]:
    """Return {entity: number of rows that are not static} of a recording."""
    counted: Counter[str] = Counter()
    for chunk in _chunks(path):
        if not chunk.is_static and not chunk.entity_path.startswith('/__'):
            counted[chunk.entity_path] += chunk.num_rows
    return dict(counted)


def values(path: Path, entity: str, component: str) -> list[Any]:
    """Return the values of a component of an entity, in their order of logging, as Python objects."""
    found: list[Any] = []
    for chunk in _chunks(path):
        if chunk.entity_path == entity:
            batch = chunk.to_record_batch()
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                if name.endswith(component):
                    found += column.to_pylist()
    return found
