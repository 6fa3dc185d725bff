# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from famda_ros.messages.ring_buffer import BufferedMessage, RingBuffer

S = 10**9


def message(time_s, size=10):
    return BufferedMessage('/a', 'std_msgs/msg/String', bytes(size), round(time_s * S))


def filled(ring, times, size=10):
    for time in times:
        ring.append(message(time, size))
    return ring


def test_old_messages_go():
    ring = filled(RingBuffer(3.0, 10**6), range(10))
    assert ring.seconds == 3.0 and ring.bytes == 40 and ring.lost == 0
    ring.want_since(0)
    assert [m.time_ns // S for m in ring.peek(100 * S)] == [6, 7, 8, 9]


def test_wanted_messages_stay_until_they_are_taken():
    ring = filled(RingBuffer(3.0, 10**6), range(5))
    ring.want_since(2 * S)
    filled(ring, range(5, 20))
    assert [m.time_ns // S for m in ring.peek(4 * S)] == [2, 3, 4] and ring.wanted_bytes == 180
    ring.took(3)
    assert [m.time_ns // S for m in ring.peek(100 * S)] == list(range(5, 20))
    ring.took(15)
    filled(ring, [20])
    assert ring.seconds == 3.0 and ring.lost == 0
    ring.want_nothing()
    assert ring.peek(100 * S) == [] and ring.wanted_bytes == 0


def test_what_comes_later_and_is_older_is_not_wanted_and_equal_times_are_taken_once():
    ring = RingBuffer(100.0, 10**6)
    ring.want_since(2 * S)
    filled(ring, [1, 2, 3, 3])
    assert [m.time_ns // S for m in ring.peek(100 * S)] == [2, 3, 3]
    ring.took(2)
    filled(ring, [3])
    assert [m.time_ns // S for m in ring.peek(100 * S)] == [3, 3]


def test_bytes_are_a_limit_even_so_and_what_is_lost_is_counted():
    ring = RingBuffer(100.0, 50)
    ring.want_since(0)
    filled(ring, range(8))
    assert (ring.bytes, ring.lost) == (50, 3)
    assert [m.time_ns // S for m in ring.peek(100 * S)] == [3, 4, 5, 6, 7]
    ring.took(5)
    filled(ring, [8])
    assert ring.lost == 3


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), st.sampled_from(['', '', '', 'want', 'take'])), max_size=60)
)
def test_whatever_happens_bounds_hold_and_every_wanted_message_is_taken_once_or_counted(steps):
    ring, now, taken, wanted = RingBuffer(2.0, 200), 0.0, [], None
    for step, size, action in steps:
        now += step
        filled(ring, [now], size)
        assert ring.bytes <= 200
        if action == 'want' and wanted is None:
            ring.want_since(round(now * S))
            wanted = 0
        if wanted is not None:
            wanted += 1
        if action == 'take' and wanted is not None:
            got = ring.peek(1 << 62)
            ring.took(len(got))
            taken += got
    if wanted is not None:
        taken += ring.peek(1 << 62)
        # A message of the very time at which it was wanted may be there already, with those after it.
        assert wanted - 1 <= len(taken) + ring.lost <= len(steps)
        assert [m.time_ns for m in taken] == sorted(m.time_ns for m in taken)
