# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Which camera's frame comes next: one place per camera where the newest wins, and fair turns."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from famda_ros.errors import FamdaError

T = TypeVar('T')


@dataclass
class _Slot(Generic[T]):
    """One camera's newest frame and its account.

    Attributes:
        cost: virtual time that one frame of this camera takes: 1 / weight.
        start: virtual time at which the waiting frame may begin.
        finish: virtual time at which the last frame taken ended.
        arrival: counts the frames of all cameras that found an empty slot; breaks ties.
        due: when the next frame is due under a rate limit, seconds of the clock.
    """

    cost: float
    item: T | None = None
    start: float = 0.0
    finish: float = 0.0
    arrival: int = 0
    due: float = -math.inf
    dropped: int = 0


class FrameScheduler(Generic[T]):
    """Hand the newest frame of each of several cameras to one worker, in fair turns.

    Turns follow start-time fair queueing (Goyal, Vin and Cheng, 1996) with slots of one
    frame: cameras that always have a frame waiting are inferred in proportion to their
    weights, whatever their rates, and a camera that was silent gets no credit for it.
    A frame that a newer one replaces, that comes too soon under ``max_rate_hz`` or that
    is left at the end counts as dropped.  Safe to use from several threads.

    Attributes:
        max_rate_hz: frames per second of each camera, 0 = no limit; may be changed at any
            time.  A frame may come up to half a period early, so that a camera that
            jitters around the limit loses none.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        max_rate_hz: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        """Begin with empty slots.

        Args:
            weights: share of each camera by name; positive, only their ratios count.
            max_rate_hz: see the attribute.
            clock: seconds that never go back.

        Raises:
            FamdaError: no camera, or a weight that is not positive and finite.
        """
        if not weights:
            raise FamdaError('no camera to schedule; name at least one')
        for camera, weight in weights.items():
            if not (math.isfinite(weight) and weight > 0):
                raise FamdaError(f"the weight of camera '{camera}' is {weight}; give a number greater than 0")
        self.max_rate_hz = max_rate_hz
        self._clock = clock
        self._condition = threading.Condition()
        self._slots: dict[str, _Slot[T]] = {
            camera: _Slot(cost=max(weights.values()) / weight) for camera, weight in weights.items()
        }
        self._virtual_time = 0.0
        self._arrivals = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """Number of frames that wait for their turn."""
        with self._condition:
            return sum(slot.item is not None for slot in self._slots.values())

    def dropped(self, camera: str) -> int:
        """Return how many frames of ``camera`` were put and will never be taken."""
        with self._condition:
            return self._slots[camera].dropped

    def put(self, camera: str, item: T) -> None:
        """Put a frame, in place of the camera's one that was not taken yet; never blocks."""
        with self._condition:
            slot = self._slots[camera]
            if self._closed:
                slot.dropped += 1
            elif slot.item is not None:
                slot.dropped += 1
                slot.item = item
            elif self._is_due(slot):
                slot.item = item
                slot.start = max(self._virtual_time, slot.finish)
                self._arrivals += 1
                slot.arrival = self._arrivals
                self._condition.notify()
            else:
                slot.dropped += 1

    def take(self, timeout: float | None = None) -> tuple[str, T] | None:
        """Take the frame whose turn it is, waiting up to ``timeout`` seconds (None = for ever).

        Returns:
            (camera, frame); None when the time is over or the scheduler is closed.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._next() is not None, timeout)
            camera = self._next()
            if camera is None:
                return None
            slot = self._slots[camera]
            item, slot.item = slot.item, None
            assert item is not None
            self._virtual_time = slot.start
            slot.finish = slot.start + slot.cost
            return camera, item

    def close(self) -> None:
        """Wake the taker; from now on nothing can be taken."""
        with self._condition:
            self._closed = True
            for slot in self._slots.values():
                if slot.item is not None:
                    slot.item = None
                    slot.dropped += 1
            self._condition.notify_all()

    def _next(self) -> str | None:
        waiting = [camera for camera, slot in self._slots.items() if slot.item is not None]
        return min(waiting, key=lambda camera: (self._slots[camera].start, self._slots[camera].arrival), default=None)

    def _is_due(self, slot: _Slot[T]) -> bool:
        """Tell whether the rate limit lets a frame pass now, and if so count it (a leaky bucket, GCRA)."""
        if not self.max_rate_hz > 0:
            return True
        now, period = self._clock(), 1.0 / self.max_rate_hz
        # More than one and a half periods ahead it can only be of a time when the limit was lower.
        slot.due = min(slot.due, now + 1.5 * period)
        if now < slot.due - period / 2:
            return False
        slot.due = max(now, slot.due) + period
        return True
