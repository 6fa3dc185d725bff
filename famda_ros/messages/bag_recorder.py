# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Write a bag from a thread of its own, so that a slow disk does not delay callbacks."""

from __future__ import annotations

import queue
import threading
from pathlib import Path

from famda_ros.messages.bag_writer import BagWriter

QUEUE_LENGTH = 300


class BagRecorder:
    """Record serialised messages; safe to call from any thread.

    Attributes:
        lost: messages that did not fit into the queue because the disk is too slow.
    """

    def __init__(self, path: str | Path, custom_data: dict[str, str] | None = None):
        """Start recording into a new bag.

        Raises:
            FamdaError: ``path`` exists, or cannot be written.
        """
        self.lost = 0
        self._writer = BagWriter(path, custom_data).__enter__()
        self._queue: queue.Queue = queue.Queue(QUEUE_LENGTH)
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=self._run, name='bag_recorder')
        self._thread.start()

    def put(self, topic: str, msgtype: str, cdr: bytes, stamp_ns: int, latched: bool = False) -> None:
        """Queue a message; arguments as :meth:`BagWriter.write_raw`.

        Raises:
            Exception: what stopped the writer; a recorder must not go on without notice.
        """
        if self._fault is not None:
            raise self._fault
        try:
            self._queue.put_nowait((topic, msgtype, cdr, stamp_ns, latched))
        except queue.Full:
            self.lost += 1

    def close(self) -> None:
        """Write what is queued and finish the bag.

        Raises:
            Exception: what stopped the writer; then there is no bag.
        """
        self._queue.put(None)
        self._thread.join()
        if self._fault is not None:
            raise self._fault

    def _run(self) -> None:
        # The writer is used and closed in this thread only.
        try:
            while (item := self._queue.get()) is not None:
                self._writer.write_raw(*item)
            self._writer.__exit__(None, None, None)
        except Exception as error:  # reported by put and close
            self._fault = error
            self._writer.__exit__(type(error), error, None)
            while self._queue.get() is not None:  # never let a producer or close() wait for a dead writer
                pass
