# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Where a recorder keeps its bags: names, limits on size and age, and a floor of free space."""

from __future__ import annotations

import contextlib
import fcntl
import re
import shutil
import time
from pathlib import Path

from famda_ros.errors import FamdaError
from famda_ros.files import make_output_folder
from famda_ros.messages.split_bag import METADATA

NAME = re.compile(r'\d{8}-\d{6}-\d{3}_[a-z]+')
"""Bags of a recorder; nothing else in its folder is ever removed."""
_LEFT_OVER = re.compile(rf'\.{{1,2}}{NAME.pattern}.*')


class RecordingFolder:
    """A folder of bags that belongs to one recorder.

    Attributes:
        path: the folder.
        removed: bags that the limits have removed.
    """

    def __init__(self, path: str | Path, most_bytes: int, most_age_s: float, free_bytes: int):
        """Take the folder; what a killed recorder has left unfinished is removed.

        Args:
            path: created where it is missing.
            most_bytes: of all bags; the oldest go first; 0 = no limit.
            most_age_s: bags older than this go; 0 = no limit.
            free_bytes: nothing is written that leaves less on the disk.

        Raises:
            FamdaError: it cannot be written, or another recorder has it.
        """
        self.path = make_output_folder(path)
        self.removed = 0
        self._most_bytes, self._most_age_s, self._free_bytes = most_bytes, most_age_s, free_bytes
        self._lock = open(self.path / '.lock', 'w')  # noqa: SIM115  (held until close)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise FamdaError(f"another recorder writes to '{path}'; give each a folder of its own") from error
        for left_over in self.path.iterdir():
            if _LEFT_OVER.fullmatch(left_over.name):
                shutil.rmtree(left_over, ignore_errors=True)

    def new_bag(self, trigger: str, time_ns: int) -> Path:
        """Return the path of a new bag.

        Args:
            trigger: what it is recorded for, one word.
            time_ns: when, nanoseconds since 1970 (or of simulated time).
        """
        seconds, rest = divmod(time_ns, 10**9)
        while True:
            stamp = time.strftime('%Y%m%d-%H%M%S', time.gmtime(seconds))
            path = self.path / f'{stamp}-{rest // 10**6:03d}_{trigger}'
            if not path.exists():
                return path
            seconds += 1  # simulated time that began anew: nothing is written over

    def bags(self) -> list[Path]:
        """Return the bags, the oldest first."""
        found = [path for path in self.path.iterdir() if NAME.fullmatch(path.name) and (path / METADATA).is_file()]
        return sorted(found, key=lambda path: ((path / METADATA).stat().st_mtime_ns, path.name))

    def make_room(self, count: int, current: Path | None) -> None:
        """Remove old bags for so many bytes more.

        Args:
            count: bytes that are to be written.
            current: the bag that is being written: it stays.

        Raises:
            FamdaError: too little of the disk would be left.
        """
        bags = [(bag, size_of(bag)) for bag in self.bags()]
        total = sum(size for _, size in bags) + count
        for bag, size in bags:
            old = self._most_age_s > 0 and time.time() - (bag / METADATA).stat().st_mtime > self._most_age_s
            if bag != current and (old or (self._most_bytes > 0 and total > self._most_bytes)):
                shutil.rmtree(bag, ignore_errors=True)
                total -= size
                self.removed += 1
        if (free := self.free_bytes()) - count < self._free_bytes:
            raise FamdaError(
                f"'{self.path}' has {free / 1e6:.0f} MB free, and {self._free_bytes / 1e6:.0f} MB are to stay free: "
                'nothing is recorded until there is more room'
            )

    def free_bytes(self) -> int:
        """Return what is free on the disk."""
        return shutil.disk_usage(self.path).free

    def total_bytes(self) -> int:
        """Return what all bags take."""
        return sum(map(size_of, self.bags()))

    def close(self) -> None:
        """Let another recorder have the folder."""
        self._lock.close()


def size_of(bag: Path) -> int:
    """Return the bytes of a bag; 0 where it is gone meanwhile."""
    total = 0
    with contextlib.suppress(OSError):
        total = sum(file.stat().st_size for file in bag.iterdir())
    return total
