# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Which of two students is better at a place that nobody has labelled."""
from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.files import write_atomically
from famda_ros.student.label_space import LabelSpace, get_label_space
from famda_ros.student.model_card import ModelCard
from famda_ros.student.providers import candidates
from famda_ros.student.runtime import Student
from famda_train.adapt.compare_frames import LabelledScores, Seen, SeenFrame, labelled_scores, look, read_frames
from famda_train.adapt.compare_students import RawStudent
from famda_train.adapt.compare_terms import class_shares, frames_to_label
from famda_train.adapt.gate import (
    ASK,
    Term,
    decide,
    decide_on_labels,
    depth_alarms,
    growth_doubts,
    home_alarms,
    latency_alarms,
    share_alarms,
    temporal_alarms,
)
from famda_train.datasets.dataset import Dataset
from famda_train.datasets.street_world import StreetWorld
from famda_train.evaluation.evaluate import difference, score_frames, scores_of
from famda_train.evaluation.scoring_space import scoring_spaces

FRAMES = 60
"""Frames of the recording that are looked at, evenly spread."""
ASKED = 10
"""Frames that are to be labelled where the scores do not tell."""
WORLD = 'day'
"""Domain of the street world that both students are scored on where no labelled data are named."""
WORLD_FRAMES = 40
TIMED_RUNS = 15

Progress = Callable[[str, int, int], None]
"""Called with (what is done, done, in all)."""


@dataclass(frozen=True)
class Comparison:
    """What became of a comparison; everything fits into JSON.

    Attributes:
        verdict: 'promote' (the new student is better), 'hold' (it is not, or unfit), 'ask' (label some frames).
        reasons: sentences with numbers, the deciding one first.
        old, new, recording: paths.
        frames: how many of the recording were looked at.
        terms: name → ``old``, ``new`` and ``gain``, in spreads.
        total: sum of the gains.
        alarms: what makes the new student unfit.
        doubts: what labelled frames of the place would settle.
        measured: further numbers: ``class_shares`` (class → [old, new]), ``depth_ratio``, ``temporal_agreement``,
            ``milliseconds`` (processor time of a frame; of two files of one kind), ``agreement`` (share of equal
            labels), ``home_miou``, ``labelled``.
        frames_to_label: names of frames of the recording, those that the students differ most on first; () unless
            the verdict is 'ask'.
    """

    verdict: str
    reasons: tuple[str, ...]
    old: str
    new: str
    recording: str
    frames: int
    terms: dict[str, dict[str, float]]
    total: float
    alarms: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    measured: dict[str, Any] = field(default_factory=dict)
    frames_to_label: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return json.loads(json.dumps(asdict(self), allow_nan=False))

    def write(self, path: str | Path) -> None:
        """Write it as a JSON file, atomically."""
        write_atomically(path, json.dumps(self.to_dict(), indent=2, ensure_ascii=False).encode())


def compare(
    old: str | Path,
    new: str | Path,
    recording: str | Path,
    *,
    labelled: Dataset | None = None,
    home: Dataset | None = None,
    labels: Dataset | None = None,
    count: int = FRAMES,
    topic: str | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare two students on a recording without labels.

    Args:
        old: the student in use: checkpoint or .onnx file.
        new: the candidate.
        recording: bag, frame folder (masks of its label store are used) or folder of images of the place.
        labelled: labelled frames of another place or light, such as those of the training; None = 40 frames of the
            street world by day, where the students' label space can be scored on it.
        home: labelled frames of where the old student comes from; the new one may not lose there. None = no check.
        labels: frames of the place that are labelled by now; they decide.
        count: frames of the recording that are looked at.
        topic: image topic of a bag; None = the only one.
        progress: called meanwhile.

    Raises:
        FamdaError: a file is no student, the students have other classes, or the recording has no picture.
    """
    if count < 1:
        raise FamdaError(f'a comparison needs 1 frame or more, not {count}')
    students = RawStudent(old), RawStudent(new)
    space = _shared_space(*students)

    def reported(what: str) -> Callable[[int, int], None] | None:
        return None if progress is None else lambda done, total: progress(what, done, total)

    frames = read_frames(recording, students[0].card, count, topic, reported('reading frames'))
    data = labelled if labelled is not None else street_world(students[0].card)
    known = [None if data is None else labelled_scores(s, data, reported(f'scoring {s.path.name}')) for s in students]
    old_seen, new_seen = (
        look(s, frames, 1.0 if scores is None else scores.temperature, reported(f'running {s.path.name}'))
        for s, scores in zip(students, known, strict=True)
    )
    of_both = [scores for scores in known if scores is not None]
    terms, measured, alarms, doubts = score(old_seen, new_seen, of_both, space)
    if _same_kind(*students):
        measured['milliseconds'] = processor_ms(students, frames[0])
        alarms += latency_alarms(*measured['milliseconds'])
    alarms += provider_alarms(students[1])
    if home is not None:
        lost, limits, values = _difference(students, home, reported)
        measured['home_miou'] = values
        alarms += home_alarms(lost, limits)
    verdict = decide(terms, alarms, doubts)
    if labels is not None:
        gained, limits, values = _difference(students, labels, reported)
        measured['labelled'] = {'frames': values.pop('frames'), 'miou': values['miou'], 'interval': limits}
        verdict = decide_on_labels(gained, limits, measured['labelled']['frames'], alarms)
    chosen = frames_to_label(old_seen.labels, new_seen.labels, ASKED) if verdict.verdict == ASK else []
    return Comparison(
        verdict.verdict, verdict.reasons, str(old), str(new), str(recording), len(frames),
        {term.name: {'old': term.old, 'new': term.new, 'gain': term.gain} for term in terms},
        float(sum(term.gain for term in terms)), tuple(alarms), tuple(doubts), _plain(measured),
        tuple(frames[place].name for place in chosen),
    )  # fmt: skip


def score(
    old: Seen, new: Seen, known: Sequence[LabelledScores], space: LabelSpace
) -> tuple[list[Term], dict[str, Any], list[str], list[str]]:
    """Return (terms, what was measured, alarms, doubts) of what two students say about the same frames.

    Args:
        old, new: what they say.
        known: of both on labelled frames of another place; () = there are none.
        space: their label space.
    """
    terms = [
        Term('nuclear_norm', old.nuclear_norm, new.nuclear_norm),
        Term('mask_information', old.mask_information, new.mask_information),
        *([Term('labelled_miou', *(scores.miou for scores in known))] if known else []),
    ]
    both = np.isfinite(old.depth) & np.isfinite(new.depth) & (old.depth > 0)
    ratio = float(np.median(new.depth[both] / old.depth[both])) if both.any() else float('nan')
    shares = [class_shares(seen.labels, len(space)) for seen in (old, new)]
    temporal = [_mean(seen.temporal) for seen in (old, new)]
    vanished, flicker = share_alarms(shares[0], shares[1], space.classes), temporal_alarms(temporal[0], temporal[1])
    alarms = [*vanished, *depth_alarms(ratio), *flicker]
    return terms, {
        'class_shares': {name: [float(s[place]) for s in shares] for place, name in enumerate(space.classes)},
        'depth_ratio': ratio,
        'temporal_agreement': temporal,
        'agreement': float((old.labels == new.labels).mean()),
    }, alarms, _grown(shares, known, space)


def _grown(shares: Sequence[np.ndarray], known: Sequence[LabelledScores], space: LabelSpace) -> list[str]:
    found = [scores.found for scores in known if scores.found is not None]
    if len(found) < len(shares):
        return []  # the labelled frames say nothing about these classes
    there = known[0].there
    assert there is not None
    return growth_doubts(shares[0], shares[1], found, there, space.classes)


def processor_ms(students: Sequence[RawStudent], frame: SeenFrame) -> list[float]:
    """Return the milliseconds of processor time of one frame for each student: the least of runs that take turns.

    Processor time, unlike that of a clock, does not tell what else the machine does.
    """
    times: list[list[float]] = [[] for _ in students]
    for _ in range(TIMED_RUNS):
        for student, taken in zip(students, times, strict=True):
            start = time.process_time()
            student.predict(frame.image, frame.focal, frame.fy)
            taken.append(1000 * (time.process_time() - start))
    return [min(taken) for taken in times]


def provider_alarms(student: RawStudent) -> list[str]:
    """Return a sentence for every accelerator here on which a file does not run, or differs from the CPU."""
    alarms = []
    for name in candidates() if student.path.suffix == '.onnx' else ():
        if name != 'cpu':
            try:
                Student(student.path, provider=name)
            except FamdaError as error:
                alarms.append(str(error))
    return alarms


def _shared_space(old: RawStudent, new: RawStudent) -> LabelSpace:
    ours, theirs = old.card.label_space, new.card.label_space
    if ours.classes != theirs.classes:
        raise FamdaError(
            f"'{old.path}' knows the classes of {ours.name}, '{new.path}' those of {theirs.name}; without labels, "
            'students of the same classes can be compared'
        )
    if old.card.gives('depth') != new.card.gives('depth'):
        raise FamdaError(
            f"one of '{old.path}' and '{new.path}' gives depth, and the other none; students that give the same can be "
            'compared, and take over from each other'
        )
    return ours


def street_world(card: ModelCard) -> Dataset | None:
    """Return rendered frames with labels, as a student was trained to see streets.

    None where its label space cannot be scored on them.
    """
    if not scoring_spaces(card.label_space, get_label_space('flat7')):
        return None
    width, height = card.network_width, card.network_height
    return StreetWorld(WORLD, split='val', frames=WORLD_FRAMES, width=width, height=height, focal=card.focal)


def _difference(
    students: tuple[RawStudent, RawStudent], data: Dataset, reported: Callable[[str], Any]
) -> tuple[float, list[float] | None, dict[str, Any]]:
    """Return (new - old mIoU in points, its 95 % interval, numbers of both) on labelled frames."""
    data.require('labels')
    ours, theirs = (
        score_frames(
            s, data, 'metric', reported(f'scoring {s.path.name}'), s.card.label_space, s.card.gives('depth')
        )
        for s in students
    )
    values = [scores_of(scores)['miou'] for scores in (ours, theirs)]
    limits = difference(theirs, ours).get('miou')
    return values[1] - values[0], limits, {'miou': values, 'interval': limits, 'frames': ours.frames}


def _same_kind(old: RawStudent, new: RawStudent) -> bool:
    """Tell whether the times of two files compare: both run in PyTorch, or both in ONNX Runtime."""
    return (old.path.suffix == '.onnx') == (new.path.suffix == '.onnx')


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float('nan')


def _plain(measured: Any) -> Any:
    """Return numbers for JSON: None in place of NaN."""
    if isinstance(measured, dict):
        return {key: _plain(value) for key, value in measured.items()}
    if isinstance(measured, list):
        return [_plain(value) for value in measured]
    return None if isinstance(measured, float) and np.isnan(measured) else measured


