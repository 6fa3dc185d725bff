# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A place for one frame: the newest wins."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar('T')


class LatestSlot(Generic[T]):
    """Hand the newest item from one thread to another; what it replaces counts as dropped."""

    def __init__(self):
        self._condition = threading.Condition()
        self._item: T | None = None
        self._closed = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Items that were put and never taken (the one still waiting at close among them)."""
        with self._condition:
            return self._dropped

    @property
    def waiting(self) -> bool:
        """Whether an item is in the slot."""
        with self._condition:
            return self._item is not None

    def put(self, item: T) -> None:
        """Put ``item``, in place of one that was not taken yet; never blocks."""
        with self._condition:
            if self._item is not None or self._closed:
                self._dropped += 1
            if not self._closed:
                self._item = item
                self._condition.notify()

    def take(self, timeout: float | None = None) -> T | None:
        """Take the item, waiting up to ``timeout`` seconds (None = for ever).

        Returns:
            None when the time is over or the slot is closed.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._item is not None or self._closed, timeout)
            item, self._item = self._item, None
            return item

    def close(self) -> None:
        """Wake the taker; from now on nothing can be taken."""
        with self._condition:
            self._closed = True
            if self._item is not None:
                self._item = None
                self._dropped += 1
            self._condition.notify_all()
