# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
import time

from famda_ros.latest_slot import LatestSlot


def test_the_newest_wins():
    slot: LatestSlot[int] = LatestSlot()
    for i in range(5):
        slot.put(i)
    assert slot.take(0) == 4 and slot.dropped == 4
    assert slot.take(0) is None


def test_close_wakes_the_taker_and_counts_the_last():
    slot: LatestSlot[int] = LatestSlot()
    taken = []
    taker = threading.Thread(target=lambda: taken.append(slot.take()))
    taker.start()
    slot.close()
    taker.join(5)
    assert taken == [None]
    slot.put(1)
    assert slot.take() is None and slot.dropped == 1
    other: LatestSlot[int] = LatestSlot()
    other.put(1)
    other.close()
    assert other.dropped == 1 and not other.waiting


def test_nothing_is_lost_without_being_counted():
    slot: LatestSlot[int] = LatestSlot()
    taken = []

    def take():
        while (item := slot.take()) is not None:
            taken.append(item)
            time.sleep(0.0005)

    taker = threading.Thread(target=take)
    taker.start()
    for i in range(1, 501):
        slot.put(i)
        if i % 7 == 0:
            time.sleep(0.0003)
    end = time.monotonic() + 5
    while slot.waiting and time.monotonic() < end:
        time.sleep(0.001)
    slot.close()
    taker.join(5)
    assert taken == sorted(taken) and taken[-1] == 500
    assert len(taken) + slot.dropped == 500
