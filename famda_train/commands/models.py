# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda models``."""

from __future__ import annotations

from typing import Any

POSITIONALS = ('folder',)
HAS_RESULT = True


def run(folder: str) -> dict[str, Any]:
    """List the students that were deployed to a folder, the oldest first; * marks the active one of each profile.

    Args:
        folder: where famda deploy has put them.
    """
    from famda_ros.profiles.deployed_models import versions

    found = versions(folder)
    width = max((len(entry['profile']) for entry in found), default=0)
    for entry in found:
        state = '*' if entry['active'] else ' '
        gone = '' if entry['there'] else '  (file is gone)'
        print(f'{state} {entry["profile"]:<{width}}  {entry["time"]}  {entry["name"]}  {entry["file"]}{gone}')
    return {'models': found}
