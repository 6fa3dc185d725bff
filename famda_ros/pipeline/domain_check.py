# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a recording shows what a student was adapted to: the drift monitor over all of it, and nothing written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from famda_ros.errors import FamdaError
from famda_ros.messages.image_messages import MalformedImage
from famda_ros.pipeline.drift import ALARMS, WAITING, WINDOW, DriftMonitor
from famda_ros.pipeline.offline import camera_of, open_source
from famda_ros.student.runtime import Student


@dataclass(frozen=True)
class DomainCheck:
    """What the drift monitor thinks of a recording.

    Attributes:
        recording: its path.
        model: name of the student.
        frames: how many could be read.
        states: state of :mod:`famda_ros.pipeline.drift` → frames, most frequent first.
        reasons: state → its last reason.
        losses: sentences about what could not be read.
    """

    recording: str
    model: str
    frames: int
    states: dict[str, int]
    reasons: dict[str, str]
    losses: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """The state that held longest; 'waiting' where the recording is too short for any."""
        known = {state: count for state, count in self.states.items() if state != WAITING}
        return max(known, key=lambda state: known[state]) if known else WAITING

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        if self.verdict == WAITING:
            return f'{self.frames} frames are too few to tell; it takes {WINDOW} that are a tenth of a second apart'
        return self.reasons[self.verdict]

    @property
    def problems(self) -> list[str]:
        """Sentences about states that are worth a warning, however short they were."""
        return [
            f'{self.recording}: {count} of {self.frames} frames: {self.reasons[state]}'
            for state, count in self.states.items()
            if state in ALARMS
        ]


def check_domain(
    source: str | Path,
    model: str | Path,
    topic: str | None = None,
    threads: int = 0,
    on_progress: Callable[[int, int], object] = lambda done, total: None,
) -> DomainCheck:
    """Look at a recording as the drift monitor of a robot would have.

    Args:
        source: bag, frame folder or folder of images.
        model: student file.
        topic: image topic of a bag; None = the only one.
        threads: of the student; 0 = one per core.
        on_progress: called with (frames done, frames in all).

    Raises:
        FamdaError: the source has no image that can be read, or the model is no student.
    """
    student = Student(model, threads)
    monitor, losses = DriftMonitor(student.card), Counter[str]()
    total, frames = open_source(
        source, topic, lambda fault: losses.update([str(fault)]), lambda _: None, lambda loss: losses.update([loss])
    )
    states, reasons, done = Counter[str](), {}, 0
    for frame in frames:
        now = 1e-9 * (frame.stamp_ns if frame.time_ns is None else frame.time_ns)
        if monitor.is_due(now):
            try:
                prediction = student.predict(frame.image, frame.focal, fy=frame.fy)
            except MalformedImage as error:
                losses[str(error)] += 1
                continue
            monitor.update(frame.image, prediction, now, camera_of(frame))
        states[monitor.domain.state] += 1
        reasons[monitor.domain.state] = monitor.domain.reason
        done += 1
        on_progress(done, total)
    if not done:
        raise FamdaError(f"'{source}' has no image that can be read{''.join(f': {loss}' for loss in list(losses)[:1])}")
    return DomainCheck(str(source), student.card.name, done, dict(states.most_common()), reasons, list(losses))
