# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What the benches of adaptation compare: trainings, and rows that score their students."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from famda_train.training.parallel_fits import PLAIN, fit_arguments, fit_config


@dataclass(frozen=True)
class Training:
    """One ``famda fit``.

    Attributes:
        further: False = the base itself, from nothing; True = from the base on, for as many
            steps and with the same learning rate as the adaptation.
        adapts: it is the self-training on the target, not a training on labelled frames.
        on_target: the labelled frames are those of the target.
        teachers: role (``masks``, ``depth``) → name of the teacher that takes part in a
            self-training; None = the one that the configuration names.
        labels: frames of the target whose labels are learnt, too.
        clicks: on each of these frames, instead of all its labels; None = all.
    """

    further: bool = True
    adapts: bool = False
    on_target: bool = False
    teachers: Mapping[str, str | None] = field(default_factory=dict)
    labels: int = 0
    clicks: int | None = None

    @property
    def knows_target(self) -> bool:
        """Whether it needs labels of the target."""
        return self.on_target or self.labels > 0

    @property
    def sees_target(self) -> bool:
        """Whether there is one such training for every target."""
        return self.on_target or self.adapts


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
_TEACHERS: Mapping[str, str | None] = {'masks': None, 'depth': None}

TRAININGS = {
    BASE: Training(further=False),
    'continued': Training(),
    'self_training': Training(adapts=True),
    'superpixels': Training(adapts=True, teachers={'masks': 'felzenszwalb'}),
    'masks': Training(adapts=True, teachers={'masks': None}),
    'depth': Training(adapts=True, teachers={'depth': None}),
    'full': Training(adapts=True, teachers=_TEACHERS),
    'labels_5': Training(adapts=True, teachers=_TEACHERS, labels=5),
    'labels_10': Training(adapts=True, teachers=_TEACHERS, labels=10),
    'labels_20': Training(adapts=True, teachers=_TEACHERS, labels=20),
    'clicks_20': Training(adapts=True, teachers=_TEACHERS, labels=20, clicks=10),
    'oracle': Training(on_target=True),
}

ROWS = {
    'source_only': Row(BASE, 'source only, used as it is'),
    'source_only_adabn': Row(BASE, 'source only, target statistics', target_statistics=True),
    'source_only_continued': Row('continued', 'source only, fair baseline', target_statistics=True),
    'source_only_as_long': Row('continued', 'source only, as long, own statistics'),
    'self_training': Row('self_training', 'self-training alone'),
    'superpixels': Row('superpixels', 'self-training + superpixels'),
    'masks': Row('masks', 'self-training + masks'),
    'depth': Row('depth', 'self-training + depth teacher'),
    'full': Row('full', 'FAMDA'),
    'labels_5': Row('labels_5', 'FAMDA, 5 frames labelled'),
    'labels_10': Row('labels_10', 'FAMDA, 10 frames labelled'),
    'labels_20': Row('labels_20', 'FAMDA, 20 frames labelled'),
    'clicks_20': Row('clicks_20', 'FAMDA, 10 clicks on each of 20 frames'),
    'oracle': Row('oracle', 'oracle: trained on target labels'),
}
BASELINE, FULL, ORACLE = 'source_only_continued', 'full', 'oracle'
FEW_LABELS = ('labels_5', 'labels_10', 'labels_20', 'clicks_20')
"""Rows that learn labels of some frames of the target, too."""


@dataclass(frozen=True)
class Recipe:
    """The settings that rows share, read from the shipped configurations.

    Attributes:
        source, famda: names of the configurations in ``config/train/``: of trainings on labelled frames, and of the
            self-training.
        base_steps, steps: optimiser steps of the base, and of every training that continues from it.
        learning_rate: of every training that continues from the base.
        teachers: role → name.
        configs: the configurations as they were read, by name.
    """

    source: str
    famda: str
    base_steps: int
    steps: int
    learning_rate: float
    teachers: dict[str, str]
    configs: dict[str, Any]

    def steps_of(self, training: Training) -> int:
        """Return how many steps a training takes."""
        return self.steps if training.further else self.base_steps

    def teachers_of(self, training: Training) -> dict[str, str]:
        """Return role → name of the teachers that take part in a training."""
        return {role: name or self.teachers[role] for role, name in training.teachers.items()}


def read_recipe(source: str, famda: str, base_steps: int | None = None, steps: int | None = None) -> Recipe:
    """Return the recipe of two shipped configurations; steps that are given replace theirs."""
    configs = {name: yaml.safe_load(fit_config(name).read_text()) for name in (source, famda)}
    return Recipe(
        source, famda,
        base_steps=base_steps or configs[source]['trainer']['max_steps'],
        steps=steps or configs[famda]['trainer']['max_steps'],
        learning_rate=configs[famda]['model']['init_args']['learning_rate'],
        teachers={role: configs[famda]['data'][role] for role in ('masks', 'depth')},
        configs=configs,
    )  # fmt: skip


Where = str | Path | Mapping[str, Any]
"""A frame folder, or the fields of a :class:`~famda_train.training.data_module.DataSource`."""


def training_arguments(
    training: Training,
    recipe: Recipe,
    seed: int,
    domain: str,
    source: Where,
    target: Where,
    target_labels: Where,
    base: Path,
    out: Path,
) -> list[str]:
    """Return the ``famda fit`` arguments of a training.

    Args:
        training: what to train.
        recipe: settings that all rows share.
        seed: of initialisation and sampling.
        domain: name of the target domain.
        source: labelled frames.
        target: unlabelled frames, with label stores.
        target_labels: labelled frames of the target, for a training that learns some.
        base: checkpoint that every further training starts from.
        out: checkpoint to write.
    """
    config = recipe.famda if training.adapts else recipe.source
    values: dict[str, Any] = {**PLAIN, 'data__source': source, 'trainer__max_steps': recipe.steps_of(training)}
    values['out'] = out
    if training.further:
        values |= {'model__init_args__init_from': base, 'model__init_args__learning_rate': recipe.learning_rate}
    if training.adapts:
        teachers = recipe.teachers_of(training)
        values |= {'data__target': target, 'model__init_args__domain': domain}
        values |= {f'data__{role}': teachers.get(role) for role in recipe.teachers}
    if training.labels:
        values['data__target_labels'] = target_labels
    return fit_arguments(config, seed, **values)
