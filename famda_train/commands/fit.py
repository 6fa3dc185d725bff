# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda fit``: trains or adapts a student as a YAML configuration says."""
from __future__ import annotations

from famda_train.commands.light_imports import import_lightning


def main(args: list[str]) -> int | None:
    """Train; return the exit code where it is not 0."""
    import_lightning()
    from famda_train.training import training_cli

    return training_cli.main(args, verb='fit')
