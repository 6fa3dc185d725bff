# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Run a teacher over a data set into its label store."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any

from famda_ros.errors import FamdaError
from famda_train.datasets.dataset import Dataset
from famda_train.label_store.checks import stale_frames
from famda_train.label_store.label_store import LabelStore
from famda_train.labelling.engines import Engine, InProcess
from famda_train.labelling.worker import Job, Outcome, TeacherSpec

Track = Callable[[Iterable[Outcome], int], Iterable[Outcome]]
"""(outcomes, how many) → the same, with a progress bar."""


def untracked(outcomes: Iterable[Outcome], total: int) -> Iterable[Outcome]:
    """Track nothing."""
    return outcomes


def label_frames(
    dataset: Dataset,
    role: str,
    name: str,
    track: Track = untracked,
    *,
    settings: Mapping[str, Any] | None = None,
    engine: Engine | None = None,
    on_identity: Callable[[dict[str, Any]], None] = lambda identity: None,
) -> dict[str, Any]:
    """Label the frames that the store does not hold yet, and those whose image is another by now.

    This process alone writes to the store, one entry after the other.  A finished store has the
    same bytes however often it was interrupted and whoever computed it.

    Args:
        dataset: frames to label.
        role: ``masks`` or ``depth``.
        name: of the teacher.
        track: wraps the outcomes, for a progress bar.
        settings: of the teacher.
        engine: that computes; None = this process.
        on_identity: called with the teacher's identity before the work.

    Returns:
        JSON values: ``teacher``, ``store`` (its folder), ``labelled`` (now), ``kept`` (labelled before), ``failed``
        (``stem`` and ``reason`` of each frame left out), ``seconds`` (of labelling, without the time until the first
        teacher was ready), ``mb_per_1000_frames``, and for masks ``empty`` (frames that hold no mask at all).

    Raises:
        FamdaError: the teacher cannot be built or gives up, its store was made by another one, the disk is full, or no
            frame can be read.
    """
    dataset.require()
    stems = [frame.stem for frame in dataset.frames]
    with (engine or InProcess()).start(Job(TeacherSpec(role, name, settings or {}), dataset)) as run:
        on_identity(run.identity)
        with LabelStore.create(dataset.store, role, run.identity).locked() as store:
            missing = sorted({*store.missing(stems), *stale_frames(store, dataset)})
            start = time.perf_counter()
            with closing(_write(store, stems, run.outcomes(missing))) as outcomes:
                faults = {outcome.index: outcome.fault for outcome in track(outcomes, len(missing)) if outcome.fault}
            seconds = time.perf_counter() - start
            store.tidy()
    if len(faults) == len(stems):
        raise FamdaError(f'no frame could be labelled; the first one: {faults[min(faults)]}')
    empty = sum(stem in store and store.entries[stem]['masks'] == 0 for stem in stems) if role == 'masks' else None
    return {
        'teacher': name,
        'store': str(store.path),
        'labelled': len(missing) - len(faults),
        'kept': len(stems) - len(missing),
        'failed': [{'stem': stems[index], 'reason': faults[index]} for index in sorted(faults)],
        'seconds': round(seconds, 3),
        'mb_per_1000_frames': store.mb_per_1000_frames(),
        **({} if empty is None else {'empty': empty}),
    }


def _write(store: LabelStore, stems: Sequence[str], outcomes: Iterable[Outcome]):
    """Write what comes, and pass it on."""
    for outcome in outcomes:
        if outcome.fatal:
            raise FamdaError(outcome.fault)
        if outcome.label is not None:
            store.write(stems[outcome.index], outcome.label, outcome.image_crc32)
        yield outcome


def label_with_teachers(
    dataset: Dataset,
    teachers: Mapping[str, str | None],
    progress,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    engine: Engine | None = None,
    on_identity: Callable[[dict[str, Any]], None] = lambda identity: None,
    on_result: Callable[[str, dict[str, Any]], None] = lambda role, result: None,
) -> dict[str, Any]:
    """Run :func:`label_frames` for several teachers, with a progress bar each.

    Before the first one works, all of them are built once and their stores are there.  The others are let go
    until their turn: two foundation models may not fit into the memory side by side.

    Args:
        dataset: frames to label.
        teachers: role → name; None = no teacher in this role.
        progress: a running :class:`rich.progress.Progress`.
        settings: role → settings of its teacher.
        engine: that computes; None = this process.
        on_identity: called with the identity of every teacher before the work.
        on_result: called with (role, result) when a teacher has done its work, also where a later one gives up.

    Returns:
        role → result of :func:`label_frames`.

    Raises:
        FamdaError: as :func:`label_frames`; of the teachers and their stores before the work.
    """
    specs = {role: TeacherSpec(role, name, (settings or {}).get(role) or {}) for role, name in teachers.items() if name}
    later = {role: _identity(dataset, spec, engine) for role, spec in list(specs.items())[1:]}

    def begin(role: str, identity: dict[str, Any]) -> None:
        if role not in later:  # the first one is ready, and with it all
            for role_of_one, of_one in {role: identity, **later}.items():
                LabelStore.create(dataset.store, role_of_one, of_one)
            for of_one in (identity, *later.values()):
                on_identity(of_one)

    def track(description: str, outcomes: Iterable[Outcome], total: int) -> Iterable[Outcome]:
        return progress.track(outcomes, total=total, description=description) if total else outcomes

    results = {}
    for role, spec in specs.items():
        results[role] = label_frames(
            dataset, role, spec.name, partial(track, f'{role}: {spec.name}'), settings=spec.settings, engine=engine,
            on_identity=partial(begin, role),
        )  # fmt: skip
        on_result(role, results[role])
    return results


def _identity(dataset: Dataset, spec: TeacherSpec, engine: Engine | None) -> dict[str, Any]:
    with (engine or InProcess()).start(Job(spec, dataset)) as run:
        return run.identity
