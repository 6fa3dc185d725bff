# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Optimised graphs on disk answer as the model itself, and are no condition of its running."""

import numpy as np
import pytest
from tiny_student import HEIGHT, WIDTH, save_tiny

from famda_ros.resources import resource
from famda_ros.student.kept_graph import graph_folder, kept_graphs
from famda_ros.student.runtime import OUTPUTS, Student

SHIPPED = resource('models/street.onnx')


def answers(student, size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    return [student.run(image)[name] for name in OUTPUTS]


def assert_equal(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_student_that_ships_answers_the_same(tmp_path):
    """With every network size that is used, from what another one has kept."""
    plain, writes = Student(SHIPPED, 1, 'cpu'), Student(SHIPPED, 1, 'cpu', graphs=tmp_path)
    sizes = [(plain.card.network_height, plain.card.network_width), (192, 320)]
    expected = [answers(plain, size) for size in sizes]
    for size, values in zip(sizes, expected, strict=True):
        assert_equal(answers(writes, size), values)
    files = {file.name: file.stat().st_mtime_ns for file in kept_graphs(tmp_path)}
    assert sorted(files) == ['320x192.onnx', '320x240.onnx']
    reads = Student(SHIPPED, 1, 'cpu', graphs=tmp_path)
    for size, values in zip(sizes, expected, strict=True):
        assert_equal(answers(reads, size), values)
    assert {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == files


def test_what_was_folded_once_is_not_folded_again(tmp_path):
    """The graph that is kept lacks the matrices whose product is a constant."""
    model = save_tiny(tmp_path / 'heavy.onnx', load_work=500)
    Student(model, 1, 'cpu', graphs=tmp_path / '.')
    kept = tmp_path / f'{WIDTH}x{HEIGHT}.onnx'
    assert kept.stat().st_size < 20_000 < 500 * 500 * 4 < (tmp_path / 'heavy.onnx').stat().st_size


@pytest.mark.parametrize('content', [b'', b'cut off'])
def test_a_damaged_file_is_written_again(tmp_path, content):
    model, graphs = save_tiny(tmp_path / 'tiny.onnx'), tmp_path / 'graphs'
    graphs.mkdir()
    kept = graphs / f'{WIDTH}x{HEIGHT}.onnx'
    kept.write_bytes(content)
    assert_equal(answers(Student(model, 1, 'cpu', graphs=graphs), (HEIGHT, WIDTH)),
                 answers(Student(model, 1, 'cpu'), (HEIGHT, WIDTH)))  # fmt: skip
    assert kept.stat().st_size > 500 and kept_graphs(graphs) == list(graphs.iterdir())


def test_a_folder_that_is_gone_is_no_fault(tmp_path):
    student = Student(save_tiny(tmp_path / 'tiny.onnx'), 1, 'cpu', graphs=tmp_path / 'gone')
    assert student.provider == 'cpu' and kept_graphs(tmp_path / 'gone') == []


def test_each_model_and_each_wish_has_a_folder_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv('FAMDA_CACHE', str(tmp_path))
    folders = {graph_folder(model, provider) for model in (b'a', b'b') for provider in ('auto', 'cpu')}
    assert len(folders) == 4 and {folder.parent for folder in folders} == {tmp_path / 'graphs'}
