# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""YAML in which nothing stands twice: PyYAML keeps the last of two equal keys and drops the others without a word."""
from __future__ import annotations

from typing import Any

import yaml

_MERGE = 'tag:yaml.org,2002:merge'


class _Loader(getattr(yaml, 'CSafeLoader', yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader, which refuses a mapping with a key that stands twice; ``<<`` may be overridden, as ever."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                if (key.tag, key.value) in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"'{key.value}' stands twice; keep one of the two", key.start_mark
                    )
                seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


def parse_yaml(text: str) -> Any:
    """Return the value of a YAML text of plain values.

    Raises:
        yaml.YAMLError: no YAML, values that are not plain, or a key that stands twice in one mapping.
        ValueError: a value that cannot be, such as the 31st of February.
    """
    return yaml.load(text, _Loader)
