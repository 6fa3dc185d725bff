# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda node params``."""

from __future__ import annotations

import json
from typing import Any

POSITIONALS = ()
HAS_RESULT = True


def run(node: str | None = None, timeout: float = 10.0) -> dict[str, Any]:
    """List the parameters of a running perception node with their values; without ros2cli.

    Args:
        node: full name of the node, such as /perception; default: the only one there is
        timeout: seconds to wait for the node
    """
    from famda_train.commands.node_access import connect

    with connect(node, timeout) as client:
        values = client.parameters()
    width = max(map(len, values), default=0)
    for name, value in values.items():
        print(f'{name:<{width}}  {json.dumps(value)}')
    return values
