# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import json

import onnx
import pytest
from rich.progress import Progress

from famda_ros.resources import resource
from famda_train.bench.networks import (
    DEPTH_ANYTHING,
    OUTPUTS,
    SEGFORMER,
    STREET_WORLD,
    STUDENT,
    YOLO,
    YOLO_DEPTH,
    YOLO_LABELS,
    has_yolo,
)
from famda_train.bench.runtime import RuntimeSetup, profile, ratios, run_runtime  # fmt: skip
from famda_train.commands.bench_runtime import print_result
from famda_train.evaluation.machine import environment


def row(name, network, total, precision='fp32', threads=2, size=(512, 1024), provider='cpu'):
    return {
        'name': name, 'precision': precision, 'provider': provider, 'threads': threads,
        'height': size[0], 'width': size[1], 'network_ms': network, 'total_ms': total,
    }  # fmt: skip


def test_ratios_by_hand():
    rows = [
        row(STUDENT, 50.0, 60.0), row(STUDENT, 25.0, 35.0, 'int8'), row(STUDENT, 1.0, 1.0, threads=1),
        row(STUDENT, 1.0, 1.0, size=(256, 512)), row(SEGFORMER, 290.0, 300.0), row(DEPTH_ANYTHING, 2690.0, 2700.0),
        row(STUDENT, 20.0, 30.0, provider='openvino'), row(SEGFORMER, 1.0, 100.0, provider='openvino'),
        row(DEPTH_ANYTHING, 1.0, 200.0, provider='openvino'),
        row(YOLO_LABELS, 80.0, 90.0), row(YOLO_DEPTH, 290.0, 300.0),
    ]  # fmt: skip
    assert ratios(rows, (512, 1024), 2) == {
        'pair': 50.0, 'segformer_b0': 5.0, 'int8': 2.0, 'around': 0.2, 'openvino': 2.5, 'openvino_pair': 10.0,
        'yolo26_pair': 6.5, 'yolo26n_sem': 1.5,
    }  # fmt: skip


@pytest.fixture(scope='module')
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp('runtime')
    network = {'widths': [4, 8, 8, 8, 8], 'channels': 8}
    setup = RuntimeSetup(network, 'flat7', ((64, 96),), ('fp32', 'int8'), (1,), rounds=3, image=(90, 160))
    with Progress(disable=True) as progress:
        return run_runtime(setup, folder, progress), folder, setup


def test_every_network_is_timed_with_everything_around_it(result):
    measured, _, _ = result
    rows = measured['rows']
    assert [(r['name'], r['precision']) for r in rows] == [
        (STUDENT, 'fp32'), (STUDENT, 'int8'), (STREET_WORLD, 'fp32'), (STREET_WORLD, 'int8'),
        (SEGFORMER, 'fp32'), (DEPTH_ANYTHING, 'fp32'), *((name, 'fp32') for name in YOLO if has_yolo()),
    ]  # fmt: skip
    assert all(0 < r['network_ms'] < r['total_ms'] and r['frames'] == 3 for r in rows)
    assert measured['ratios'] == measured['ratios_by_threads']['1'] == ratios(rows, (64, 96), 1)
    assert measured['ratios']['pair'] > measured['ratios']['segformer_b0'] > 0  # the pair holds SegFormer
    for shares in measured['profile'][STUDENT].values():
        assert sum(shares.values()) == pytest.approx(100, abs=1)
    json.dumps(measured)


def test_files_are_exported_once_with_the_outputs_of_their_row(result):
    _, folder, setup = result
    files = sorted(folder.glob('*.onnx'))
    stamps = [path.stat().st_mtime_ns for path in files]
    assert len(files) == 6 + 2 * has_yolo()
    with Progress(disable=True) as progress:
        run_runtime(setup, folder, progress)
    assert [path.stat().st_mtime_ns for path in files] == stamps
    for path in files:
        outputs = tuple(output.name for output in onnx.load(str(path)).graph.output)
        assert outputs == OUTPUTS[path.name.split('-')[0]]


def test_profile_names_what_the_network_does(result):
    _, folder, _ = result
    shares = profile(next(folder.glob('segformer_b0*')), runs=2)
    assert {'MatMul', 'Conv'} & set(shares) and list(shares.values()) == sorted(shares.values(), reverse=True)


def test_a_student_of_any_size_is_profiled_at_the_size_that_is_asked_for():
    shares = profile(resource('models/street.onnx'), runs=1, size=(32, 64))
    assert sum(shares.values()) == pytest.approx(100, abs=1) and next(iter(shares)) == 'Conv'


def test_table_shows_every_row(result, capsys):
    print_result({**result[0], 'environment': environment()})
    text = capsys.readouterr().out
    assert all(row['name'] in text for row in result[0]['rows']) and 'ratios, 1 thread: pair' in text
