# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda bench gate``: what the gate of ``famda compare`` promotes, against ground truth that it does not see.

Students of ``famda bench world``, mixtures of their weights, and sabotaged ones are compared in pairs on the unlabelled
frames of their target.  How good they are is measured on labelled frames of other scenes.
"""
from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch.nn import functional

from famda_ros.errors import FamdaError
from famda_ros.student.label_space import IGNORE
from famda_train.adapt.compare import FRAMES, score, street_world
from famda_train.adapt.compare_frames import LabelledScores, Seen, labelled_scores, look, read_frames
from famda_train.adapt.compare_students import RawStudent
from famda_train.adapt.gate import PROMOTE, decide
from famda_train.datasets.catalogue import open_dataset
from famda_train.datasets.dataset import Dataset
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.datasets.street_world import StreetWorld
from famda_train.resumable_folder import ResumableFolder

WORSE, BETTER = -1.0, 3.0
"""Points of mIoU from which on a candidate must not, and must, be promoted."""
BIASES = ((0, 2.0), (3, 2.0), (4, -2.0), (1, 1.0), (5, 2.0))
"""(class, what is added to its logit)."""
NOISES = (0.05, 0.1)
"""Noise on all weights, in standard deviations of each tensor."""
MIXTURES = (0.3, 0.6)
NEEDED = ('full', 'masks', 'self_training', 'source_only_adabn')
"""Rows of the bench that are mixed and sabotaged."""
FOCALS = (0.6, 1.6)
"""Factors of all metres: what a wrong focal length makes of depth."""
STEPS, BATCH = 25, 8
"""Of a training with shuffled classes."""


@dataclass(frozen=True)
class Judged:
    """A candidate: what the gate sees of it, and how good it is.

    Attributes:
        name: with what was done to it.
        incumbent: whether it may be the student in use.
        seen: its predictions on the unlabelled frames.
        labelled: how good it is on the street world by day; None = it has other classes.
        truth: mIoU on labelled frames of the target, percent.
    """

    name: str
    incumbent: bool
    seen: Seen
    labelled: LabelledScores | None
    truth: float


def projection(student: RawStudent, task: str) -> Any:
    """Return the last layer of a checkpoint's head."""
    return list(student.graph.network.heads[task].children())[-1]


def biased(student: RawStudent, place: int, value: float) -> RawStudent:
    """Return a student that likes a class too much (or too little)."""
    if student.path.suffix == '.onnx':
        changed = RawStudent(student.path)
        add = np.zeros(len(changed.card.label_space), np.float32)
        add[place] = value
        graph, name = changed._model.graph, 'bias_of_a_class'
        decides = next(node for node in graph.node if node.op_type == 'ArgMax')
        logits = decides.input[0]
        for node in graph.node:
            for index, read in enumerate(node.input):
                if read == logits:
                    node.input[index] = name
        graph.initializer.append(onnx.numpy_helper.from_array(add, f'{name}_values'))
        at = next(index for index, node in enumerate(graph.node) if logits in node.output)
        graph.node.insert(at + 1, onnx.helper.make_node('Add', [logits, f'{name}_values'], [name], name=name))
        return changed
    changed = copy.deepcopy(student)
    with torch.no_grad():
        projection(changed, 'segmentation').bias[place] += value
    return changed


def noisy(student: RawStudent, deviation: float) -> RawStudent:
    """Return a checkpoint's student with noise on all weights."""
    changed, noise = copy.deepcopy(student), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for values in changed.graph.network.parameters():
            if values.numel() > 1:
                values.add_(torch.randn(values.shape, generator=noise) * values.std() * deviation)
    return changed


def mixed(first: RawStudent, second: RawStudent, share: float) -> RawStudent:
    """Return a checkpoint's student with the weights between those of two that began as one."""
    changed = copy.deepcopy(first)
    ours, theirs = first.graph.network.state_dict(), second.graph.network.state_dict()
    changed.graph.network.load_state_dict(
        {k: v + share * (theirs[k] - v) if v.is_floating_point() else v for k, v in ours.items()}
    )
    return changed


def nearer(student: RawStudent, factor: float) -> RawStudent:
    """Return a checkpoint's student all of whose metres are too long by a factor."""
    changed = copy.deepcopy(student)
    with torch.no_grad():
        projection(changed, 'depth').bias += float(np.log(factor))
    return changed


def misled(student: RawStudent, data: Dataset) -> RawStudent:
    """Return a checkpoint's student after a few steps on frames whose classes are shuffled."""
    changed, rng = copy.deepcopy(student), np.random.default_rng(0)
    network, stride = changed.graph.network, changed.graph.network.stride
    classes = len(changed.card.label_space)
    table = np.append(np.roll(np.arange(classes), 1), np.full(256 - classes, IGNORE)).astype(np.uint8)
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    network.train()
    for _ in range(STEPS):
        chosen = rng.integers(0, len(data), BATCH).tolist()
        images = torch.from_numpy(np.stack([data.image(index) for index in chosen])).permute(0, 3, 1, 2).float() / 255
        labels = torch.from_numpy(np.stack([table[data.labels(index)] for index in chosen])).long()
        logits = network(images)['segmentation']
        loss = functional.cross_entropy(logits, labels[:, ::stride, ::stride], ignore_index=IGNORE)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    network.eval()
    return changed


def world_files(folder: Path, seed: int, target: str) -> list[Path]:
    """Return the checkpoints of a seed of ``famda bench world``.

    Raises:
        FamdaError: some of them, or the scenes, are missing.
    """
    home = folder / 'checkpoints' / f'seed{seed}'
    needed = [home / 'base.ckpt', home / 'continued.ckpt', *(home / target / f'{name}.ckpt' for name in NEEDED)]
    scenes = [folder / 'scenes' / f'seed{seed}' / name for name in (target, f'{target}_test')]
    if missing := [path for path in (*needed, *scenes) if not path.exists()]:
        raise FamdaError(
            f"'{missing[0]}' is missing; make it with: famda bench world --targets {target} --out {folder}"
        )
    return [*needed[:2], *sorted((home / target).glob('*.ckpt'))]


def sabotaged(name: str, student: RawStudent) -> Iterator[tuple[str, bool, RawStudent]]:
    """Yield a checkpoint's student with faults."""
    yield from liked_too_much(name, student)
    for deviation in NOISES:
        yield f'{name}, noise {deviation}', False, noisy(student, deviation)
    for factor in FOCALS:
        yield f'{name}, metres x {factor}', False, nearer(student, factor)


def world_candidates(folder: Path, seed: int, target: str) -> Iterator[tuple[str, bool, RawStudent]]:
    """Yield (name, whether it is an incumbent, student) of a seed of ``famda bench world``."""
    students = {path.stem: RawStudent(path) for path in world_files(folder, seed, target)}
    for name, student in students.items():
        yield name, True, student
    for name in ('full', 'source_only_adabn', 'masks'):
        for share in MIXTURES:
            yield f'base to {name}, {share}', False, mixed(students['base'], students[name], share)
    for name in ('full', 'base', 'self_training'):
        yield from sabotaged(name, students[name])
    source = StreetWorld('synthetic', frames=60, width=192, height=96)
    for name in ('full', 'base'):
        yield f'{name}, shuffled classes', False, misled(students[name], source)


def liked_too_much(name: str, student: RawStudent) -> Iterator[tuple[str, bool, RawStudent]]:
    """Yield a student that likes a class too much, or too little; the other faults are tried on rendered frames."""
    for place, value in BIASES:
        yield f'{name}, {value:+g} on class {place}', False, biased(student, place, value)


def photograph_candidates(files: Sequence[Path]) -> Iterator[tuple[str, bool, RawStudent]]:
    """Yield students of one label space, and sabotaged ones."""
    for file in files:
        student = RawStudent(file)
        yield file.name, True, student
        yield from liked_too_much(file.name, student)


def real_files(folder: Path, seed: int) -> list[Path]:
    """Return the checkpoints of a seed of ``famda bench real --targets day``.

    Raises:
        FamdaError: those that are mixed and sabotaged are missing.
    """
    home = folder / 'checkpoints' / f'seed{seed}' / 'day'
    if missing := [path for path in (home / 'base.ckpt', home / 'masks.ckpt') if not path.exists()]:
        raise FamdaError(
            f"'{missing[0]}' is missing; make it with: famda bench real --data data/camvid --targets day --out {folder}"
        )
    return sorted(home.glob('*.ckpt'))


def real_candidates(folder: Path, seed: int) -> Iterator[tuple[str, bool, RawStudent]]:
    """Yield (name, whether it is an incumbent, student) of a seed of ``famda bench real``."""
    students = {path.stem: RawStudent(path) for path in real_files(folder, seed)}
    for name, student in students.items():
        yield name, True, student
    for share in MIXTURES:
        yield f'base to masks, {share}', False, mixed(students['base'], students['masks'], share)
    yield from liked_too_much('masks', students['masks'])


def judge(
    candidates: Iterator[tuple[str, bool, RawStudent]], recording: Path, truth: Dataset,
    progress: Callable[[], None] = lambda: None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return every pair of an incumbent and another candidate: its verdict, and the points of mIoU it is better by."""
    judged: list[Judged] = []
    frames, world, space = None, None, None
    for name, incumbent, student in candidates:
        if frames is None:
            space = student.card.label_space
            frames, world = read_frames(recording, student.card, FRAMES), street_world(student.card)
        known = None if world is None else labelled_scores(student, world)
        seen = look(student, frames, 1.0 if known is None else known.temperature)
        judged.append(Judged(name, incumbent, seen, known, labelled_scores(student, truth).miou))
        progress()
    pairs = []
    for old in judged:
        for new in judged if old.incumbent else ():
            if new is not old:
                assert space is not None
                known_of_both = [labelled for labelled in (old.labelled, new.labelled) if labelled is not None]
                terms, _, alarms, doubts = score(old.seen, new.seen, known_of_both, space)
                pairs.append({
                    'old': old.name, 'new': new.name, 'verdict': decide(terms, alarms, doubts).verdict,
                    'alarms': alarms, 'doubts': doubts,
                    'gain': new.truth - old.truth, 'depth_only': 'metres' in new.name,
                    'terms': {term.name: [term.old, term.new] for term in terms},
                })  # fmt: skip
    return pairs


def table(pairs: Sequence[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Count the verdicts of pairs by how much better the candidate is; those with wrong metres apart.

    Returns:
        'worse', 'within', 'better' (by mIoU) and 'wrong metres' → verdict → number of pairs.
    """
    rows: dict[str, dict[str, int]] = {key: {} for key in ('worse', 'within', 'better', 'wrong metres')}
    for pair in pairs:
        gain = pair['gain']
        group = 'worse' if gain < WORSE else 'better' if gain > BETTER else 'within'
        row = rows['wrong metres' if pair['depth_only'] else group]
        row[pair['verdict']] = row.get(pair['verdict'], 0) + 1
    return rows


def rates(rows: dict[str, dict[str, int]]) -> dict[str, float | None]:
    """Return the share of worse candidates that are promoted, and of better ones, in percent; None = there are none."""

    def promoted(row: dict[str, int]) -> float | None:
        return 100 * row.get(PROMOTE, 0) / sum(row.values()) if row else None

    return {'worse_promoted': promoted(rows['worse']), 'better_promoted': promoted(rows['better'])}


def run_gate(
    out: Path, world: Path, target: str, seeds: Sequence[int], photographs: Path | None, files: Sequence[Path],
    real: Path | None, progress,
) -> dict[str, Any]:  # fmt: skip
    """Run the bench, or what is left of it.

    Args:
        out: folder for ``gate.json``.
        world: output of ``famda bench world``.
        target: domain of the street world.
        seeds: of the benches.
        photographs: CamVid; None = none.
        files: students that are compared there.
        real: output of ``famda bench real --targets day``, whose students are compared there too; None = none.
        progress: a running :class:`rich.progress.Progress`.

    Returns:
        ``groups``: name → ``candidates``, ``pairs`` in numbers, ``table``, ``rates``.
    """
    for seed in seeds:
        world_files(world, seed, target)
        if real is not None:
            real_files(real, seed)
    settings = {
        'world': str(world), 'target': target, 'photographs': str(photographs), 'files': [str(f) for f in files],
        'real': str(real),
    }  # fmt: skip
    folder = ResumableFolder(out, 'gate.json', settings, {'pairs': {}})
    jobs: dict[str, Callable[[Callable[[], None]], list[dict[str, Any]]]] = {}
    for seed in seeds:

        def of_seed(step, seed=seed):
            scenes = world / 'scenes' / f'seed{seed}'
            truth = FrameFolder(scenes / f'{target}_test')
            return judge(world_candidates(world, seed, target), scenes / target, truth, step)

        jobs[f'{target}, seed {seed}'] = of_seed
    choices: dict[str, Callable[[], Iterator[tuple[str, bool, RawStudent]]]] = {}
    if files:
        choices['files'] = partial(photograph_candidates, files)
    if real is not None:
        choices |= {f'seed {seed}': partial(real_candidates, real, seed) for seed in seeds}
    for split, frames in (('day_val', 'day_train'), ('dusk_val', 'dusk_adapt')) if photographs else ():
        for name, candidates in choices.items():

            def of_split(step, split=split, frames=frames, candidates=candidates):
                assert photographs is not None
                truth = open_dataset(photographs, 'camvid', split)
                return judge(candidates(), photographs / frames / 'images', truth, step)

            jobs[f'CamVid {split.removesuffix("_val")}, {name}'] = of_split
    for name, job in jobs.items():
        if name not in folder.state['pairs']:
            bar = progress.add_task(name[:28], total=None)
            folder.state['pairs'][name] = job(partial(progress.advance, bar))
            folder.save()
    groups = {name: summary(folder.state['pairs'][name]) for name in jobs}
    return {'settings': settings, 'groups': groups}


def summary(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what became of the pairs of one group."""
    rows = table(pairs)
    candidates = len({pair['new'] for pair in pairs})
    return {'candidates': candidates, 'pairs': len(pairs), 'table': rows, 'rates': rates(rows)}
