# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What ``famda bench world`` compares: trainings, and rows that score their students."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from famda_train.fitting import PLAIN, fit_arguments, fit_config

SOURCE_CONFIG, FAMDA_CONFIG = 'street_world_source', 'street_world'


@dataclass(frozen=True)
class Training:
    """One ``famda fit``.

    Attributes:
        config: name of its configuration in ``config/train/``.
        further: False = the base itself, from nothing; True = from the base on, for as many
            steps and with the same learning rate as the adaptation.
        on_target: the labelled frames are those of the target.
        teachers: roles (``masks``, ``depth``) whose teachers take part in a self-training.
    """

    config: str
    further: bool = True
    on_target: bool = False
    teachers: tuple[str, ...] = ()

    @property
    def sees_target(self) -> bool:
        """Whether there is one such training for every target."""
        return self.on_target or self.config == FAMDA_CONFIG


@dataclass(frozen=True)
class Row:
    """One student that is scored.

    Attributes:
        training: name of the training that it comes from.
        text: what it is, for tables.
        target_statistics: its normalisation statistics are taken again on unlabelled target frames.
    """

    training: str
    text: str
    target_statistics: bool = False


BASE = 'base'

TRAININGS = {
    BASE: Training(SOURCE_CONFIG, further=False),
    'continued': Training(SOURCE_CONFIG),
    'self_training': Training(FAMDA_CONFIG),
    'masks': Training(FAMDA_CONFIG, teachers=('masks',)),
    'depth': Training(FAMDA_CONFIG, teachers=('depth',)),
    'full': Training(FAMDA_CONFIG, teachers=('masks', 'depth')),
    'oracle': Training(SOURCE_CONFIG, on_target=True),
}

ROWS = {
    'source_only': Row(BASE, 'source only, used as it is'),
    'source_only_adabn': Row(BASE, 'source only, target statistics', target_statistics=True),
    'source_only_continued': Row('continued', 'source only, fair baseline', target_statistics=True),
    'self_training': Row('self_training', 'self-training alone'),
    'masks': Row('masks', 'self-training + masks'),
    'depth': Row('depth', 'self-training + depth teacher'),
    'full': Row('full', 'FAMDA'),
    'oracle': Row('oracle', 'oracle: trained on target labels'),
}
BASELINE, FULL, ORACLE = 'source_only_continued', 'full', 'oracle'


@dataclass(frozen=True)
class BenchSize:
    """How much of everything; the default is the bench, smaller ones only show that it works.

    Attributes:
        source, target, test: frames rendered for training, adaptation and evaluation, at most 10 000 each.
        width, height: of the frames, pixels.
        base_steps: source-only steps before the ways part; None = as the configuration says.
        steps: further steps of every training; None = as the configuration of the adaptation says.
    """

    source: int = 500
    target: int = 400
    test: int = 120
    width: int = 192
    height: int = 96
    base_steps: int | None = None
    steps: int | None = None


SIZES = {
    'full': BenchSize(),
    'small': BenchSize(source=40, target=30, test=10, width=96, height=48, base_steps=60, steps=40),
}


@dataclass(frozen=True)
class Recipe:
    """The settings that rows share, read from the shipped configurations.

    Attributes:
        base_steps, steps: of the base and of everything that goes on from there.
        learning_rate: of everything that goes on from the base.
        teachers: role → name.
        configs: the configurations as they were read.
    """

    base_steps: int
    steps: int
    learning_rate: float
    teachers: dict[str, str]
    configs: dict[str, Any]

    def steps_of(self, training: Training) -> int:
        """Return how many steps a training takes."""
        return self.steps if training.further else self.base_steps


def read_recipe(size: BenchSize) -> Recipe:
    """Return the recipe of the shipped configurations, with the steps of ``size`` where it has its own."""
    configs = {name: yaml.safe_load(fit_config(name).read_text()) for name in (SOURCE_CONFIG, FAMDA_CONFIG)}
    source, famda = configs.values()
    return Recipe(
        base_steps=size.base_steps or source['trainer']['max_steps'],
        steps=size.steps or famda['trainer']['max_steps'],
        learning_rate=famda['model']['init_args']['learning_rate'],
        teachers={role: famda['data'][role] for role in ('masks', 'depth')},
        configs=configs,
    )


def training_arguments(
    training: Training, recipe: Recipe, seed: int, target: str, source: Path, unlabelled: Path, base: Path, out: Path
) -> list[str]:
    """Return the ``famda fit`` arguments of a training.

    Args:
        training: what to train.
        recipe: settings that all rows share.
        seed: of initialisation and sampling.
        target: name of the target domain.
        source: frame folder with labels.
        unlabelled: frame folder of the target, with a label store.
        base: checkpoint that every further training starts from.
        out: checkpoint to write.
    """
    steps = recipe.steps_of(training)
    values: dict[str, Any] = {**PLAIN, 'data__source': source, 'trainer__max_steps': steps, 'out': out}
    if training.further:
        values |= {'model__init_args__init_from': base, 'model__init_args__learning_rate': recipe.learning_rate}
    if training.config == FAMDA_CONFIG:
        values |= {'data__target': unlabelled, 'model__init_args__domain': target}
        for role, name in recipe.teachers.items():
            values[f'data__{role}'] = name if role in training.teachers else None
    return fit_arguments(training.config, seed, **values)
