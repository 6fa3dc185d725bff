# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Messages of Lightning that no user can do anything about."""
from __future__ import annotations

import logging
import warnings

IGNORED = (
    "LightningCLI's args",
    'The .*dataloader.* does not have many workers',
    '.*treespec, LeafSpec',
    'Checkpoint directory .* exists',
    'You defined a `validation_step` but have no',
    'You passed in a `val_dataloader` but have no',
    "You're resuming from a checkpoint that ended before the epoch",  # the streams continue where they were
    'Total length of `list` across ranks is zero',  # no frames to validate on
)
"""Warnings of Lightning, as regular expressions."""


def quieten() -> None:
    """Keep these messages off the terminal; other warnings stay."""
    for name in ('lightning.pytorch', 'lightning.fabric'):
        logging.getLogger(name).setLevel(logging.WARNING)  # hints about hardware and cloud services
    for message in IGNORED:
        warnings.filterwarnings('ignore', message=message)
    warnings.filterwarnings('ignore', category=DeprecationWarning)  # between Lightning and jsonargparse
