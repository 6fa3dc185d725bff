# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Which profile is active: requested by name, or chosen by the light; without ROS."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import fields
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.pipeline.outputs import InferenceSettings, check_settings
from famda_ros.profiles.auto_profile import DAY, NIGHT, AutoProfile, AutoSettings
from famda_ros.profiles.confidence_guard import MAX_AGE_S, RecentImages, SeenImage, check_confidence
from famda_ros.profiles.parameters import group
from famda_ros.profiles.profile_file import Profile, find_profile, load_profile
from famda_ros.profiles.student_switch import Active, Attempt, Earlier, StudentSwitch
from famda_ros.resources import resolve
from famda_ros.student.load_student import load_student
from famda_ros.student.runtime import Student

AUTO = 'auto'

LIGHT_MAX_AGE_S = 3.0
"""A measurement older than this says nothing: nobody listens to that camera any more, or it is dead."""
MOST_EARLIER = 16
"""So many switches can be taken back, one after the other."""


class ProfileControl:
    """Loads the student of a profile, switches to others, and lets the light decide under 'auto'.

    Attributes:
        requested: the profile that was requested last and granted: '', 'auto', a name or a path.
        fault: why the last switch failed; '' where it did not.
        switches: how many switches have succeeded.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        loader: Executor,
        on_switch: Callable[[Attempt], None] = lambda attempt: None,
        on_progress: Callable[[str], None] = lambda sentence: None,
        clock: Callable[[], float] = time.monotonic,
    ):
        """Load what the parameters ask for; takes as long as loading a model does.

        Args:
            values: the node's parameters by name.
            loader: its one thread loads the students that are switched to.
            on_switch: called after every switch, in the loader's thread.
            on_progress: called with a sentence about what takes long while a model is loaded.
            clock: seconds that never go back.

        Raises:
            FamdaError: no such profile, no model, one that cannot be used, or impossible limits of 'auto'.
        """
        self.requested: str = values['profile']
        self.fault = ''
        self.switches = 0
        self._values = values
        self._on_switch = on_switch
        self._on_progress = on_progress
        self._clock = clock
        self._lock = threading.Lock()
        self._light: dict[str, tuple[float, float, float]] = {}
        self._auto_settings = _auto_settings(values)
        self._auto = AutoProfile(self._auto_settings) if self.requested == AUTO else None
        self._target: str = self._profile_for(DAY) if self._auto else self.requested
        self._earlier: deque[Earlier] = deque(maxlen=MOST_EARLIER)
        self._seen = RecentImages()
        self._switch = StudentSwitch(
            self._load(self._target, None), self._load_attempt, self._guard, loader, self._on_end
        )

    @property
    def student(self) -> Student:
        """The active student."""
        return self._switch.current.student

    @property
    def settings(self) -> InferenceSettings:
        """The active student and its settings: the parameters with the profile laid over them."""
        return inference_settings(self._switch.current, self._values)

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Take over parameters that were changed while the node runs."""
        self._values = values

    def why_fixed(self, names: Iterable[str]) -> str:
        """Return why one of these parameters cannot be changed now: the profile sets it; '' = all can be."""
        profile = self._switch.current.profile
        fixed = [name for name in names if profile and name in profile.overrides]
        if not profile or not fixed:
            return ''
        return f"the profile '{profile.name}' sets {fixed[0]}; change it there or set another profile"

    def why_unfit(self, values: Mapping[str, Any]) -> str:
        """Return why the active student cannot fulfil these parameters; '' = it can."""
        try:
            check_settings(inference_settings(self._switch.current, values))
        except FamdaError as error:
            return str(error)
        return ''

    def begin(self, profile: str, force: bool = False) -> Attempt:
        """Start switching to a profile, 'auto' or '' (none), in the loader's thread.

        A student that is less confident on the newest images than the active one, by more than
        ``auto.max_confidence_drop``, is refused.

        Args:
            profile: which.
            force: take it even so.

        Raises:
            FamdaError: another switch is under way, there is no such profile, or '' and no model of the node's own.
        """
        with self._lock:  # so that the light decides nothing in between
            target = self._profile_for(self._light_now()) if profile == AUTO else profile
            if target:
                find_profile(target)
            else:
                self._model_of(None)
            attempt = Attempt(target, requested=profile, force=force)
            self._switch.begin(attempt)
        return attempt

    def begin_rollback(self) -> Attempt:
        """Start going back to what was active before the last switch that was requested, with the model it had then.

        Raises:
            FamdaError: another switch is under way, or there was none.
        """
        with self._lock:
            if not self._earlier:
                raise FamdaError('there is no earlier profile: none was set since the node was configured')
            back_to = self._earlier[-1]
            attempt = Attempt(back_to.target, requested=back_to.requested, force=True, back_to=back_to)
            self._switch.begin(attempt)
        return attempt

    def measured(self, camera: str, brightness: float, confidence: float, image: np.ndarray) -> None:
        """Take a camera's measurement; under 'auto' it may start a switch.

        Args:
            camera: its name; with several cameras the means of their newest measurements count, as long as they are
                younger than :data:`LIGHT_MAX_AGE_S`.
            brightness: mean luma of the image, 0..255.
            confidence: mean confidence of its mask, 0..1; NaN = the student gives none.
            image: uint8 [H, W, 3], kept to try new students on.
        """
        self._switch.example = image
        with self._lock:
            now = self._clock()
            self._seen.add(SeenImage(now, image, confidence))
            self._light[camera] = (now, brightness, confidence)
            if self._auto is None or self._switch.under_way is not None:
                return
            self._light = {name: light for name, light in self._light.items() if now - light[0] <= LIGHT_MAX_AGE_S}
            _, light, certainty = (fmean(values) for values in zip(*self._light.values(), strict=True))
            decision = self._auto.update(light, certainty, now)
            if not decision.switched:
                return
            try:
                self._switch.begin(Attempt(self._profile_for(decision.profile), requested=AUTO, by_light=True))
            except FamdaError as error:
                self._auto.refuse(str(error))

    def describe(self) -> dict[str, str]:
        """Return what the diagnostics say about profiles."""
        profile, auto = self._switch.current.profile, self._auto
        return {
            'profile': profile.name if profile else 'none',
            'profile_requested': self.requested or 'none',
            'profile_reason': auto.reason if auto else 'requested',
            'profile_switches': str(self.switches),
            'profile_fault': self.fault or 'none',
            'profile_loading': self._switch.under_way or 'none',
            'profile_before': (self._earlier[-1].target or 'none') if self._earlier else 'n/a',
        }

    @property
    def loading(self) -> bool:
        """Whether a model is being loaded."""
        return self._switch.under_way is not None

    def close(self) -> None:
        """Let a switch that is under way come to nothing."""
        self._switch.close()

    def _profile_for(self, light: str) -> str:
        """Return the profile that 'auto' uses by day or by night."""
        return self._values[f'auto.{light}']

    def _light_now(self) -> str:
        """Return which of day and night the present profile is for; day if it is neither's."""
        profile = self._switch.current.profile
        return NIGHT if profile and profile.path == find_profile(self._profile_for(NIGHT)) else DAY

    def _model_of(self, profile: Profile | None) -> Path:
        """Return the file of the student of a profile."""
        model = profile.model if profile and profile.model else self._values['model']
        if not model:
            raise FamdaError(
                f"the profile '{profile.path}' names no model; name one in it, or set the parameter 'model' of the node"
                if profile
                else "no model given; set the parameter 'model' to a student .onnx file, or 'profile'"
            )
        return resolve(model)

    def _load(self, name: str, current: Active | None) -> Active:
        """Return the student of a profile ('' = none); the current one where it is the same file."""
        profile = load_profile(name) if name else None
        return self._load_model(profile, self._model_of(profile), current)

    def _load_attempt(self, attempt: Attempt, current: Active) -> Active:
        back_to = attempt.back_to
        attempt.before = Earlier(self._target, self.requested, current.profile, current.student.path, current.file)
        if back_to is None:
            return self._load(attempt.profile, current)
        if _identity(back_to.model) != back_to.file:
            raise FamdaError(
                f"the model '{back_to.model}' is gone or is another file than before; set a profile that names the "
                'one you want'
            )
        return self._load_model(back_to.profile, back_to.model, current)

    def _guard(self, attempt: Attempt, new: Active) -> None:
        """Refuse a requested student that is less confident; what the light decides is judged by 'auto'."""
        if not (attempt.force or attempt.by_light):
            images = self._seen.newer_than(self._clock() - MAX_AGE_S)
            limit = self._values['auto.max_confidence_drop']
            attempt.note = check_confidence(inference_settings(new, self._values), images, limit)

    def _load_model(self, profile: Profile | None, model: Path, current: Active | None) -> Active:
        """Return the student of a file, whose settings it can fulfil; the current one where it is the same file."""
        active = self._loaded(profile, model, current)
        check_settings(inference_settings(active, self._values))
        return active

    def _loaded(self, profile: Profile | None, model: Path, current: Active | None) -> Active:
        file = _identity(model)
        if current is not None and file and file == current.file:
            return Active(current.student, file, profile)
        values = self._values
        student = load_student(
            model, values['threads'], values['provider'], values['provider_fallback'], self._on_progress
        )
        for provider, why in student.passed_over.items():
            self._on_progress(f"not on '{provider}': {why}")
        return Active(student, file, profile)

    def _on_end(self, attempt: Attempt) -> None:
        with self._lock:
            self.fault = attempt.fault
            if not attempt.fault:
                self.switches += 1
                self._remember(attempt)
                self.requested, self._target = attempt.requested, attempt.profile
                self._seen.clear()
            if attempt.by_light:
                if attempt.fault and self._auto is not None:
                    self._auto.refuse(attempt.fault)
            elif not attempt.fault:
                light = DAY if attempt.profile == self._profile_for(DAY) else NIGHT
                self._auto = AutoProfile(self._auto_settings, light) if attempt.requested == AUTO else None
        self._on_switch(attempt)

    def _remember(self, attempt: Attempt) -> None:
        """Keep what was active before a switch that was requested; one that goes back is taken off."""
        if attempt.back_to is not None:
            self._earlier.pop()
        if attempt.back_to is not None or attempt.by_light or attempt.before is None:
            return
        before, now = attempt.before, self._switch.current
        if (before.requested, before.profile, before.file) != (attempt.requested, now.profile, now.file):
            self._earlier.append(before)


def _auto_settings(values: Mapping[str, Any]) -> AutoSettings:
    names = {field.name for field in fields(AutoSettings)}
    return AutoSettings(**{name: value for name, value in group(values, 'auto').items() if name in names})


def inference_settings(active: Active, values: Mapping[str, Any]) -> InferenceSettings:
    """Lay the active profile over the node's parameters."""
    profile = active.profile
    merged = {**values, **profile.overrides} if profile else values
    return InferenceSettings(
        student=active.student,
        profile=profile.name if profile else '',
        output_scale=values['output_scale'],
        min_confidence=merged['min_confidence'],
        max_rate_hz=merged['max_rate_hz'],
        max_age_ms=merged['max_age_ms'],
        target_brightness=merged['exposure.target_brightness'],
        max_gamma=merged['exposure.max_gamma'],
        depth_scale=merged['depth.scale'],
    )


def _identity(path: Path) -> tuple[int, ...]:
    """Return what distinguishes a file from another and from an older version of itself; () where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
