# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda node rollback``."""

from __future__ import annotations

from typing import Any

POSITIONALS = ()
HAS_RESULT = True


def run(node: str | None = None, timeout: float = 10.0) -> dict[str, Any]:
    """Take a running perception node back to the profile, with its model, that it had before the last switch.

    Args:
        node: full name of the node, such as /perception; default: the only one there is
        timeout: seconds to wait for the node
    """
    from famda_train.commands.node_access import connect

    with connect(node, timeout) as client:
        result = {'node': client.name, 'note': client.roll_back()}
    print(f'{result["node"]}: {result["note"]}')
    return result
