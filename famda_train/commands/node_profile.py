# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda node profile``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

POSITIONALS = ('profile',)
HAS_RESULT = True


def run(profile: str, force: bool = False, node: str | None = None, timeout: float = 10.0) -> dict[str, Any]:
    """Switch a running perception node to another profile, while images flow; without ros2cli.

    It waits until the new model has taken over, or says why it has not.

    Args:
        profile: day, night, auto, the path of a profile file on the node's machine, or '' for none
        force: switch even where the new student is less sure of the newest images
        node: full name of the node, such as /perception; default: the only one there is
        timeout: seconds to wait for the node
    """
    from famda_train.commands.node_access import connect

    if Path(profile).suffix in ('.yaml', '.yml') and Path(profile).is_file():
        profile = str(Path(profile).absolute())  # the node may run in another folder
    with connect(node, timeout) as client:
        note = client.set_profile(profile, force)
        result = {'node': client.name, 'profile': profile, 'note': note}
    print(f"{result['node']}: profile '{profile or 'none'}'{f'; {note}' if note else ''}")
    return result
