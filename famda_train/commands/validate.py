# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda validate``: the metrics of what a configuration of ``famda fit`` has trained."""
from __future__ import annotations

from famda_train.commands import fit


def main(args: list[str]) -> None:
    """Score the checkpoint ``--out`` on the frames of ``data.validate``."""
    fit.main(args, verb='validate')
