# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda validate``: the metrics of what a configuration of ``famda fit`` has trained."""
from __future__ import annotations

from famda_train.commands.light_imports import import_lightning


def main(args: list[str]) -> int | None:
    """Score the checkpoint ``--out`` on the frames of ``data.validate``."""
    import_lightning()
    from famda_train.training import training_cli

    return training_cli.main(args, verb='validate')
