# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import heapq
import math
import threading
import time
from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from famda_ros.errors import FamdaError
from famda_ros.pipeline.scheduler import FrameScheduler


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def simulate(weights, periods, service_s, seconds, max_rate_hz=0.0, silent_until=None):
    """Cameras that send every ``periods[camera]`` seconds, one worker that needs ``service_s`` a frame.

    Returns (frames taken as (time, camera, number), frames put by camera, scheduler).
    """
    clock = Clock()
    scheduler: FrameScheduler[int] = FrameScheduler(weights, max_rate_hz, clock)
    events = [((silent_until or {}).get(camera, 0.0), camera) for camera in weights]
    heapq.heapify(events)
    put, taken, free_at = Counter(), [], 0.0
    while events[0][0] <= seconds or free_at <= seconds:
        if events[0][0] <= free_at or not scheduler.waiting:
            clock.now, camera = heapq.heappop(events)
            if clock.now > seconds:
                break
            scheduler.put(camera, put[camera])
            put[camera] += 1
            heapq.heappush(events, (clock.now + periods[camera], camera))
            free_at = max(free_at, clock.now) if scheduler.waiting else free_at
        else:
            clock.now = free_at
            camera, number = scheduler.take(0)
            taken.append((clock.now, camera, number))
            free_at += service_s
    return taken, put, scheduler


def shares(taken, since=0.0):
    return Counter(camera for moment, camera, _ in taken if moment >= since)


def test_three_cameras_that_offer_the_same_get_the_same():
    weights = dict.fromkeys(('front', 'left', 'right'), 1.0)
    taken, _, _ = simulate(weights, dict.fromkeys(weights, 0.1), 0.07, 60)
    counts = shares(taken)
    assert max(counts.values()) - min(counts.values()) <= 1 and sum(counts.values()) > 800


def test_weights_of_two_to_one_give_two_to_one():
    taken, _, _ = simulate({'front': 2.0, 'left': 1.0}, {'front': 0.01, 'left': 0.01}, 0.05, 60)
    counts = shares(taken)
    assert counts['front'] == pytest.approx(2 * counts['left'], abs=2)


def test_a_fast_camera_takes_nothing_from_a_slow_one():
    taken, put, _ = simulate({'fast': 1.0, 'slow': 1.0}, {'fast': 1 / 60, 'slow': 0.2}, 0.08, 60)
    assert put['slow'] - shares(taken)['slow'] <= 1  # 5 Hz of 12.5: all of the slow one's are answered
    assert shares(taken)['fast'] > 400  # and the rest is the fast one's


def test_a_camera_that_was_silent_gets_no_credit():
    taken, _, _ = simulate(
        {'early': 1.0, 'late': 1.0}, {'early': 0.02, 'late': 0.02}, 0.1, 60, silent_until={'late': 40.0}
    )
    counts = shares(taken, since=40.0)
    assert abs(counts['early'] - counts['late']) <= 2
    first_ten = [camera for moment, camera, _ in taken if moment >= 40.0][:10]
    assert 4 <= first_ten.count('late') <= 6


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.floats(0.2, 5), st.floats(0.005, 0.3)), min_size=1, max_size=5),
    st.floats(0.005, 0.2),
    st.sampled_from([0.0, 3.0, 12.0]),
)
def test_nothing_is_lost_uncounted_and_order_is_kept(cameras, service_s, max_rate_hz):
    weights = {str(i): weight for i, (weight, _) in enumerate(cameras)}
    periods = {str(i): period for i, (_, period) in enumerate(cameras)}
    taken, put, scheduler = simulate(weights, periods, service_s, 20, max_rate_hz)
    scheduler.close()
    for camera in weights:
        numbers = [number for _, name, number in taken if name == camera]
        assert numbers == sorted(set(numbers))
        assert len(numbers) + scheduler.dropped(camera) == put[camera]


@settings(max_examples=40)
@given(st.lists(st.floats(0.2, 5), min_size=2, max_size=5), st.floats(0.02, 0.2))
def test_shares_follow_weights_while_all_are_waiting(weights, service_s):
    names = {str(i): weight for i, weight in enumerate(weights)}
    taken, _, _ = simulate(names, dict.fromkeys(names, service_s / 4), service_s, 400 * service_s)
    counts, total = shares(taken), sum(weights)
    for camera, weight in names.items():
        assert abs(counts[camera] - len(taken) * weight / total) <= len(weights) + 1


@settings(max_examples=40)
@given(st.floats(0.004, 0.5), st.floats(0.5, 40), st.floats(0.0, 0.9), st.integers(0, 9))
def test_the_rate_limit_is_kept_and_used(period, max_rate_hz, jitter, seed):
    random = Random(seed)
    clock = Clock()
    scheduler: FrameScheduler[int] = FrameScheduler({'a': 1.0}, max_rate_hz, clock)
    taken = []
    for i in range(600):
        clock.now = (i + jitter * random.random()) * period
        scheduler.put('a', i)
        if scheduler.take(0):
            taken.append(clock.now)
    # In any stretch of time no more than the limit, plus the frame at its begin and half a period of patience.
    for begin in range(0, len(taken), 7):
        for count in (1, 2, 5, 20):
            if begin + count < len(taken):
                assert taken[begin + count] - taken[begin] >= (count - 0.5) / max_rate_hz - 1e-9
    if 1 / period > 2 * max_rate_hz:
        assert len(taken) >= 0.9 * 600 * period * max_rate_hz - 2
    elif jitter == 0 and 1 / period <= max_rate_hz:
        assert len(taken) == 600


def test_the_rate_limit_may_change_while_frames_flow():
    clock = Clock()
    scheduler: FrameScheduler[int] = FrameScheduler({'a': 1.0}, 0.001, clock)
    scheduler.put('a', 1)
    assert scheduler.take(0) == ('a', 1)
    clock.now = 1.0
    scheduler.put('a', 2)
    assert scheduler.take(0) is None and scheduler.dropped('a') == 1
    scheduler.max_rate_hz = 10.0  # the 1000 s of before do not bind any more
    clock.now = 1.2
    scheduler.put('a', 3)
    clock.now = 1.4
    scheduler.put('a', 4)
    assert scheduler.take(0) == ('a', 4)
    scheduler.max_rate_hz = 0.0
    for i in range(5, 9):
        scheduler.put('a', i)
        assert scheduler.take(0) == ('a', i)


def test_the_newest_replaces_a_waiting_frame_even_under_a_rate_limit():
    scheduler: FrameScheduler[int] = FrameScheduler({'a': 1.0}, 1.0, Clock())
    for i in range(5):
        scheduler.put('a', i)
    assert scheduler.take(0) == ('a', 4) and scheduler.dropped('a') == 4


def test_close_wakes_the_taker_and_counts_what_waits():
    scheduler: FrameScheduler[int] = FrameScheduler({'a': 1.0, 'b': 1.0})
    taken = []
    taker = threading.Thread(target=lambda: taken.append(scheduler.take()))
    taker.start()
    scheduler.close()
    taker.join(60)
    assert taken == [None]
    scheduler.put('a', 1)
    assert scheduler.take() is None and scheduler.dropped('a') == 1
    other: FrameScheduler[int] = FrameScheduler({'a': 1.0, 'b': 1.0})
    other.put('b', 1)
    other.close()
    assert other.dropped('b') == 1 and other.dropped('a') == 0 and not other.waiting


def test_take_waits_for_a_frame_and_for_no_longer_than_asked():
    scheduler: FrameScheduler[int] = FrameScheduler({'a': 1.0})
    start = time.monotonic()
    assert scheduler.take(0.05) is None
    assert time.monotonic() - start > 0.04
    threading.Timer(0.05, scheduler.put, ('a', 7)).start()
    assert scheduler.take(60) == ('a', 7)


def test_threads_lose_nothing_uncounted():
    names = ('a', 'b', 'c')
    scheduler: FrameScheduler[tuple[str, int]] = FrameScheduler(dict.fromkeys(names, 1.0))
    taken: list[tuple[str, int]] = []

    def take():
        while (answer := scheduler.take()) is not None:
            assert answer[0] == answer[1][0]
            taken.append(answer[1])
            time.sleep(0.0003)

    def put(name):
        for i in range(300):
            scheduler.put(name, (name, i))
            if i % 5 == 0:
                time.sleep(0.0003)

    taker = threading.Thread(target=take)
    putters = [threading.Thread(target=put, args=(name,)) for name in names]
    for thread in (taker, *putters):
        thread.start()
    for thread in putters:
        thread.join(60)
    end = time.monotonic() + 60
    while scheduler.waiting and time.monotonic() < end:
        time.sleep(0.001)
    scheduler.close()
    taker.join(60)
    for name in names:
        numbers = [number for camera, number in taken if camera == name]
        assert numbers == sorted(set(numbers)) and numbers[-1] == 299
        assert len(numbers) + scheduler.dropped(name) == 300


@pytest.mark.parametrize(
    ('weights', 'sentence'),
    [
        ({}, 'no camera to schedule'),
        ({'a': 1.0, 'b': 0.0}, "weight of camera 'b' is 0.0"),
        ({'a': -1.0}, 'greater than 0'),
        ({'a': math.nan}, 'greater than 0'),
        ({'a': math.inf}, 'greater than 0'),
    ],
)
def test_weights_that_make_no_sense(weights, sentence):
    with pytest.raises(FamdaError, match=sentence):
        FrameScheduler(weights)
