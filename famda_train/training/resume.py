# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Resuming an interrupted training: with the settings that it had, from the checkpoint that it kept."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from famda_ros.errors import FamdaError
from famda_train.models.checkpoint import read_file
from famda_train.training.callbacks.checkpoints import SaveLast
from famda_train.training.run_paths import last_checkpoint

FREE = ('data.validate', 'data.workers', 'data.cache_gb')
"""Settings that change nothing that is learnt."""

OF_TRAINER = ('max_steps', 'accumulate_grad_batches', 'gradient_clip_val', 'gradient_clip_algorithm')
"""Settings of the trainer that change what is learnt; the others belong to the machine."""


def settings_to_keep(run: dict[str, Any]) -> dict[str, Any]:
    """Return what an interrupted run must be resumed with, by dotted name, from all settings of a run."""
    trainer = {name: run['trainer'].get(name) for name in OF_TRAINER}
    kept = {'model': run['model'], 'data': run['data'], 'trainer': trainer, 'seed_everything': run['seed_everything']}
    # Through JSON: only plain values may lie in a checkpoint.
    return {
        name: value for name, value in flat(json.loads(json.dumps(kept, default=str))) if not name.startswith(FREE)
    }


def flat(values: dict[str, Any], prefix: str = '') -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, value) of nested dictionaries."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from flat(value, f'{prefix}{name}.')
        else:
            yield prefix + name, value


def checkpoint_to_resume(out: str | Path, settings: dict[str, Any]) -> Path:
    """Return the checkpoint to resume from, after a look into it.

    Args:
        out: what the run writes.
        settings: of the run that is to continue, as :func:`settings_to_keep` returns them.

    Raises:
        FamdaError: there is none, it is damaged, it was made with other settings, or the run is finished.
    """
    last = last_checkpoint(out)
    if not last.is_file():
        if Path(out).is_file():
            raise FamdaError(f"the run that writes '{out}' is finished; there is nothing to resume")
        raise FamdaError(f"there is nothing to resume for '{out}'; leave out --resume")
    before = read_file(last).get(SaveLast.KEY, settings)
    for name in (*before, *settings):
        if before.get(name) != settings.get(name):
            raise FamdaError(
                f'the interrupted run had {name} {in_yaml(before.get(name))}, now {in_yaml(settings.get(name))}; '
                'resume with the same settings, or choose another --out'
            )
    return last


def in_yaml(value: Any) -> str:
    """Return a plain value as it is written in a configuration."""
    return value if isinstance(value, str) else json.dumps(value)
