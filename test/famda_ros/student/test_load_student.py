# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Another process prepares a student where ONNX Runtime would hold Python's lock."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from tiny_student import HEIGHT, WIDTH, save_tiny, tiny_card

from famda_ros.errors import FamdaError
from famda_ros.student.kept_graph import graph_folder, kept_graphs
from famda_ros.student.load_student import load_student
from famda_ros.student.runtime import Student

PATIENCE_S = 60


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv('FAMDA_CACHE', str(tmp_path / 'cache'))
    return tmp_path / 'cache'


def load(model, progress=None):
    said = []
    return load_student(model, 1, 'cpu', False, progress or said.append, in_background=False), said


def kept(model):
    return kept_graphs(graph_folder(Path(model).read_bytes(), 'cpu'))


def test_it_is_prepared_once(monkeypatch, tmp_path):
    """And answers as one that was loaded without."""
    model = save_tiny(tmp_path / 'tiny.onnx', card=tiny_card(stride=16), dynamic=True)
    student, said = load(model)
    assert not said and [file.name for file in kept(model)] == [f'{WIDTH}x{HEIGHT}.onnx']
    image = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    expected = Student(model, 1, 'cpu').run(image)
    monkeypatch.setattr(sys, 'executable', str(tmp_path / 'nothing'))  # to start a process would fail
    for loaded in (student, load(model)[0]):
        for name, values in loaded.run(image).items():
            np.testing.assert_array_equal(values, expected[name])


def test_nothing_is_prepared_where_nothing_needs_it(cache, tmp_path):
    load_student(save_tiny(tmp_path / 'tiny.onnx'), 1, 'cpu', False, print, in_background=True)
    assert not cache.exists()


def test_a_cache_that_cannot_be_written_is_told(cache, tmp_path):
    cache.write_text('a file, no folder')
    student, said = load(save_tiny(tmp_path / 'tiny.onnx'))
    assert student.card.name == 'tiny'
    assert len(said) == 1 and 'stands still' in said[0] and 'set FAMDA_CACHE' in said[0]


def test_faults_are_those_of_the_student(tmp_path):
    (tmp_path / 'broken.onnx').write_bytes(Path(save_tiny(tmp_path / 'tiny.onnx')).read_bytes()[:300])
    faults = {
        str(tmp_path / 'broken.onnx'): 'no ONNX model',
        save_tiny(tmp_path / 'cardless.onnx', metadata=''): 'no FAMDA model card',
        str(tmp_path / 'nowhere.onnx'): 'cannot read the model',
    }
    for model, sentence in faults.items():
        with pytest.raises(FamdaError, match=sentence):
            load(model)


def test_other_threads_go_on_meanwhile(tmp_path):
    """None waits for more than a part of the time that the optimisation takes."""
    model = save_tiny(tmp_path / 'heavy.onnx', load_work=2500)
    times, stop = [], threading.Event()

    def tick():
        while not stop.wait(0.001):
            times.append(time.monotonic())

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        start = time.monotonic()
        load(model)
        took = time.monotonic() - start
    finally:
        stop.set()
        thread.join()
    longest = np.diff([start, *(moment for moment in times if moment > start)]).max()
    print(f'{took:.2f} s of loading, the longest pause of another thread was {1e3 * longest:.0f} ms')
    assert longest < took / 2


def test_it_ends_with_the_process_that_started_it(tmp_path):
    """Even if that is killed; the graph is not finished then."""
    model = save_tiny(tmp_path / 'heavy.onnx', load_work=6000)
    code = (
        'import sys; from famda_ros.student.load_student import load_student; '
        "load_student(sys.argv[1], 1, 'cpu', False, print, in_background=False)"
    )
    with subprocess.Popen([sys.executable, '-c', code, model]) as process:
        try:
            child = until(lambda: child_that_loads(process.pid, model))
        finally:
            process.send_signal(signal.SIGKILL)
    until(lambda: not running(child))
    assert kept(model) == []


def child_that_loads(parent, model):
    """Return the process that has begun to load a model for another one; None = there is none yet."""
    for child in Path(f'/proc/{parent}/task/{parent}/children').read_text().split():
        with open(f'/proc/{child}/status') as status:
            memory = next((int(line.split()[1]) for line in status if line.startswith('VmRSS')), 0)
        if 1024 * memory > os.stat(model).st_size:  # it has read the file
            return int(child)
    return None


def running(process):
    status = Path(f'/proc/{process}/status')
    return status.exists() and 'zombie' not in status.read_text()


def until(condition):
    """Wait for something; return it."""
    end = time.monotonic() + PATIENCE_S
    while not (result := condition()):
        assert time.monotonic() < end, f'{PATIENCE_S} s are over'
        time.sleep(0.01)
    return result
