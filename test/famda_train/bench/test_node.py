# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda bench node`` in small: a real node with a tiny student, some seconds of images over DDS."""
import json
import os
import signal
import subprocess
import sys

import pytest
from tiny_student import save_tiny, tiny_masks_card

from famda_ros.errors import FamdaError
from famda_ros.harness.load_protocol import OUTPUTS
from famda_ros.harness.play_bag import Process
from famda_train.bench import node
from famda_train.bench.node import AS_FAST, Bench, NodeSetup, Phase, bare_rate, headlines, started
from famda_train.commands import cli

KEYS = {'ratio', 'overhead_ms', 'end_to_end_ms', 'stages_ms', 'dropped', 'cpu_percent', 'rss_mb'}
MS = 10**6


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp('model') / 'tiny.onnx', work=100)


@pytest.fixture(scope='module')
def ran(model, tmp_path_factory):
    """Return the result of the command, as it was written."""
    file = tmp_path_factory.mktemp('result') / 'node.json'
    words = ['--model', model, '--image', '96x160', '--threads', '1', '--rates', '10', '30', '--seconds', '1']
    words += ['--rounds', '2']
    assert cli.main(['bench', 'node', *words, '--json', str(file)]) == cli.EXIT_OK
    return json.loads(file.read_text())


def test_every_number_is_there_and_possible(ran):
    assert set(ran) >= KEYS | {'rows', 'environment', 'load', 'setup'}
    rows = {(row['threads'], row['rate_hz']): row for row in ran['rows']}
    assert set(rows) == {(1, AS_FAST), (1, 10.0), (1, 30.0)}
    for row in rows.values():
        assert row['answered'] > 0 and row['sent'] == row['answered'] + row['dropped'] and row['dropped'] >= 0
        for spread in (row['overhead_ms'], row['end_to_end_ms']):
            assert 0 < spread['p50'] <= spread['p99']
        assert row['stages_ms']['inference'] > 0
        assert row['cpu_percent'] > 0 and 30 < row['rss_mb'] < 400
    fast = rows[1, AS_FAST]
    assert 0 < ran['ratio'] == fast['ratio']
    assert len(fast['ratios']) == 2 and min(fast['ratios']) <= fast['ratio'] <= max(fast['ratios'])
    assert ran['end_to_end_ms'] == rows[1, 10.0]['end_to_end_ms']
    assert set(ran['dropped']) == {'10', '30'}


def test_headlines_by_hand():
    def row(threads, rate, **values):
        shown = {'overhead_ms': 1, 'end_to_end_ms': 2, 'stages_ms': 3, 'cpu_percent': 4, 'rss_mb': 5, 'dropped': 6}
        return {'threads': threads, 'rate_hz': rate, **shown, **values}

    rows = [
        row(1, AS_FAST, ratio=0.9), row(1, 30.0, overhead_ms=10), row(1, 10.0, overhead_ms=20, dropped=7),
        row(2, AS_FAST, ratio=0.8, rss_mb=9), row(2, 10.0),
    ]  # fmt: skip
    assert headlines(rows) == {
        'ratio': 0.9, 'ratio_2_threads': 0.8, 'overhead_ms': 20, 'end_to_end_ms': 2, 'stages_ms': 3,
        'cpu_percent': 4, 'dropped': {'30': 6, '10': 7}, 'rss_mb': 9,
    }  # fmt: skip


def test_a_phase_counts_whole_answers_only():
    outputs = {
        'segmentation/mask': [[0, 5 * MS], [100 * MS, 130 * MS], [200 * MS, 220 * MS]],
        'segmentation/confidence': [[0, 9 * MS], [100 * MS, 131 * MS]],
        'depth/image': [[0, 7 * MS], [100 * MS, 132 * MS], [200 * MS, 257 * MS]],
    }
    samples = [(9.0, 1.0, 50.0), (11.0, 2.0, 60.0), (13.0, 2.0, 55.0)]
    phase = Phase(10.0, 12.0, [0, 100 * MS, 200 * MS, 300 * MS], outputs, samples)
    assert phase.whole == [0, 100 * MS]
    assert phase.end_to_end_ms() == pytest.approx([9.0, 32.0])
    assert phase.rate() == pytest.approx(2 / 0.25)
    assert phase.cpu_s() == pytest.approx(0.5)


def test_bare_rate_counts_runs_in_time():
    now = [100.0]

    def run():
        now[0] += 0.2

    assert bare_rate(run, 0.9, clock=lambda: now[0]) == pytest.approx(5.0)
    assert now[0] == pytest.approx(101.0)  # the last run is counted whole


def test_a_node_that_dies_is_one_sentence(model):
    with started(NodeSetup(model, (96, 160)), threads=1) as bench:
        os.kill(bench.node.pid, signal.SIGKILL)
        with pytest.raises(FamdaError, match=r'^timing_node ended with exit code -9: .+') as error:
            bench.phase(AS_FAST, 1.0)
    assert '\n' not in str(error.value)


def test_a_silent_node_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(node, 'SLACK_S', 0.3)
    quiet = Process('silent', [], dict(os.environ), tmp_path)
    quiet._popen.wait()
    quiet._popen = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)
    try:
        with pytest.raises(FamdaError, match='took longer than'):
            Bench(quiet, quiet, tmp_path).phase(10.0, 0.1)
    finally:
        quiet._popen.kill()
        quiet._popen.communicate()


def test_a_student_of_masks_alone_is_one_sentence(capsys, tmp_path):
    masks = save_tiny(tmp_path / 'masks.onnx', card=tiny_masks_card())
    assert cli.main(['bench', 'node', '--model', masks]) == cli.EXIT_ERROR
    assert 'gives no confidence and no depth, so there is no segmentation/confidence' in capsys.readouterr().err


def test_without_ros_there_is_one_sentence(capsys, model, monkeypatch):
    monkeypatch.setattr(node.importlib.util, 'find_spec', lambda name: None)
    assert cli.main(['bench', 'node', '--model', model]) == cli.EXIT_ERROR
    error = capsys.readouterr().err
    assert error.startswith('famda bench node: rclpy is missing; source a ROS 2 distribution')
    assert error.count('\n') == 1


def test_a_node_that_hardly_answers_is_one_sentence():
    once = Phase(0.0, 1.0, [0], {topic: [[0, MS]] for topic in OUTPUTS}, [])
    with pytest.raises(FamdaError, match='give more --seconds'):
        node._ratio([once], [10.0])
