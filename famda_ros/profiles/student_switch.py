# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Replace the student while frames flow: load beside the old one, check, swap between two frames."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.profiles.profile_file import Profile
from famda_ros.student.label_space import IGNORE
from famda_ros.student.model_card import ModelCard
from famda_ros.student.runtime import Student


class Active(NamedTuple):
    """The student that infers, and the profile it came with.

    Attributes:
        student: the model.
        file: identity of its file, to know it again; () = unknown.
        profile: what it belongs to; None = no profile.
    """

    student: Student
    file: tuple[int, ...] = ()
    profile: Profile | None = None


class Earlier(NamedTuple):
    """What was active before a switch, without its student, which would take the memory of a second one.

    Attributes:
        target: name or path of the profile; '' = none.
        requested: what the user had requested: the same, or 'auto'.
        profile: its content at that time; None = no profile.
        model: file of the student.
        file: identity of that file.
    """

    target: str
    requested: str
    profile: Profile | None
    model: Path
    file: tuple[int, ...]


@dataclass
class Attempt:
    """A switch under way.

    Attributes:
        profile: name or path of the profile to switch to; '' = none.
        requested: what the user requested: the same, or 'auto'.
        by_light: whether 'auto' decided it while it was on.
        force: whether the new student may be less confident than the one before.
        back_to: what to go back to, instead of what the profile is now; None = the profile.
        before: what was active when its student was loaded.
        done: set when the switch has succeeded or failed.
        fault: why it failed; '' where it did not.
        note: a remark for the user on a switch that succeeded.
    """

    profile: str
    requested: str
    by_light: bool = False
    force: bool = False
    back_to: Earlier | None = None
    before: Earlier | None = None
    done: threading.Event = field(default_factory=threading.Event)
    fault: str = ''
    note: str = ''


class StudentSwitch:
    """Holds the active student; a frame takes :attr:`current` once and is inferred by that alone.

    Attributes:
        current: the active student.
        example: newest image known, uint8 [H, W, 3]: what a new student is tried on; None = random pixels.
    """

    def __init__(
        self,
        first: Active,
        load: Callable[[Attempt, Active], Active],
        guard: Callable[[Attempt, Active], None],
        loader: Executor,
        on_end: Callable[[Attempt], None] = lambda _: None,
    ):
        """Begin with ``first``.

        Args:
            first: the active student at the start.
            load: builds what an attempt asks for, given the active one; raises FamdaError.
            guard: called with an attempt and its loaded student before that takes over; raises FamdaError.
            loader: its one thread makes the switches.
            on_end: called after every attempt, in that thread, before another one can begin.
        """
        self.current = first
        self.example: np.ndarray | None = None
        self._load = load
        self._guard = guard
        self._loader = loader
        self._on_end = on_end
        self._lock = threading.Lock()
        self._under_way: Attempt | None = None
        self._closed = False

    @property
    def under_way(self) -> str | None:
        """The profile that is being loaded; None = nothing is."""
        attempt = self._under_way
        return None if attempt is None else attempt.profile

    def begin(self, attempt: Attempt) -> None:
        """Start a switch in the loader's thread; the old student stays active until the swap.

        Raises:
            FamdaError: another switch is under way, or this is closed.
        """
        with self._lock:
            if self._closed:
                raise FamdaError('the node was cleaned up; ask again when it is configured')
            if self._under_way is not None:
                raise FamdaError(f"a switch to '{self._under_way.profile}' is under way; ask again when it has ended")
            self._loader.submit(self._run, attempt)
            self._under_way = attempt

    def close(self) -> None:
        """Let a switch that is under way come to nothing."""
        with self._lock:
            self._closed = True

    def _run(self, attempt: Attempt) -> None:
        try:
            new = self._load(attempt, self.current)
            if new.student is not self.current.student:
                check_successor(new.student, self.current.student.card, self.example)
                self._guard(attempt, new)
            with self._lock:
                if self._closed:
                    raise FamdaError('the node was cleaned up while the profile was being loaded; ask again')
                self.current = new
        except FamdaError as error:
            attempt.fault = str(error)
        except Exception as error:  # whatever a broken file does, the old student stays
            attempt.fault = f'{type(error).__name__}: {error}'
        try:
            self._on_end(attempt)
        except Exception as error:
            attempt.fault = attempt.fault or f'{type(error).__name__}: {error}'
        finally:
            with self._lock:
                self._under_way = None
            attempt.done.set()


def check_successor(student: Student, before: ModelCard, example: np.ndarray | None) -> None:
    """Refuse a student that may not take over from another.

    Args:
        student: the new one; it has been warmed up.
        before: card of the old student: listeners know its classes, and its topics.
        example: an image uint8 [H, W, 3] to try it on; None = random pixels.

    Raises:
        FamdaError: other classes, other outputs, or such as are no labels or no depth.
    """
    name, card, label_space = student.path.name, student.card, before.label_space
    if fault := outputs_fault(card, before):
        raise FamdaError(f"the model '{name}' {fault}, so topics would come or go; start another node for it")
    if card.label_space != label_space:
        raise FamdaError(
            f"the model '{name}' has the label space '{card.label_space.name}' with {len(card.label_space)} classes "
            f"instead of '{label_space.name}' with {len(label_space)}; start another node for it"
        )
    if example is None:
        example = np.random.default_rng(0).integers(0, 256, (card.network_height, card.network_width, 3), np.uint8)
    prediction = student.predict(example)
    labels, depth = prediction.labels, prediction.depth
    assert labels is not None
    if ((labels >= len(label_space)) & (labels != IGNORE)).any():
        raise FamdaError(f"the model '{name}' predicts labels beyond its {len(label_space)} classes; export it again")
    if depth is not None and (np.isnan(depth).all() or (depth < 0).any()):
        raise FamdaError(f"the model '{name}' predicts NaN or negative depth; export it again, with another precision")


def outputs_fault(card: ModelCard, before: ModelCard) -> str:
    """Return how a student's outputs differ from those of the one before, after 'the model'; '' = they do not.

    Topics neither come nor go while a node runs: who listens to depth would wait for ever.
    """
    if card.outputs == before.outputs:
        return ''
    return f"gives {' and '.join(card.outputs)} instead of {' and '.join(before.outputs)}"
