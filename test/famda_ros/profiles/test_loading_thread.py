# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading

import pytest

from famda_ros.errors import FamdaError
from famda_ros.profiles.loading_thread import LoadingThread


def test_all_jobs_run_in_one_thread():
    loader = LoadingThread()
    threads = {loader.run(threading.get_ident, lambda: True) for _ in range(5)}
    threads.add(loader.submit(threading.get_ident).result(10))
    assert len(threads) == 1 and threading.get_ident() not in threads
    assert not loader.busy
    with pytest.raises(FamdaError, match='no model'):
        loader.run(_fail, lambda: True)
    loader.close()


def _fail():
    raise FamdaError('no model')


def test_nobody_waits_for_an_abandoned_job():
    loader, ended = LoadingThread(), threading.Event()
    slow = loader.submit(ended.wait, 20)
    loader.abandon()
    assert loader.run(lambda: 7, lambda: True) == 7
    assert loader.busy and not slow.done()
    ended.set()
    assert slow.result(10) and not loader.busy
    loader.close()


def test_who_waits_is_told_that_the_process_ends():
    loader, ended = LoadingThread(), threading.Event()
    with pytest.raises(KeyboardInterrupt):
        loader.run(lambda: ended.wait(20), lambda: False)
    assert loader.busy
    ended.set()
    loader.close()
