# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from tiny_student import save_tiny

from famda_ros.resources import DEFAULT_MODEL, resolve
from famda_ros.student.external_data import has_external_data


def model(tensors=(), nodes=()):
    inputs = [helper.make_tensor_value_info('x', TensorProto.FLOAT, [4])]
    outputs = [helper.make_tensor_value_info('y', TensorProto.FLOAT, [4])]
    nodes = [*nodes, helper.make_node('Identity', ['x'], ['y'])]
    return helper.make_model(helper.make_graph(nodes, 'graph', inputs, outputs, list(tensors)))


def weights(outside):
    tensor = numpy_helper.from_array(np.ones(4, np.float32), 'w')
    if outside:
        tensor.ClearField('raw_data')
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key='location', value='weights.bin')
    return tensor


def constant(outside):
    return helper.make_node('Constant', [], ['c'], value=weights(outside))


def branch(outside):
    graph = helper.make_graph([constant(outside)], 'branch', [], [])
    return helper.make_node('If', ['x'], ['z'], then_branch=graph, else_branch=graph)


@pytest.mark.parametrize('outside', [False, True])
@pytest.mark.parametrize('place', ['initializer', 'constant', 'branch'])
def test_weights_outside_are_found_wherever_a_tensor_may_be(place, outside):
    tensors = [weights(outside)] if place == 'initializer' else []
    nodes = {'constant': [constant(outside)], 'branch': [branch(outside)]}.get(place, [])
    assert has_external_data(model(tensors, nodes).SerializeToString()) == outside


def test_what_is_called_location_elsewhere_is_no_reference():
    """Metadata of the model, of a graph, a node and a tensor, and weights that read like a reference."""
    tensor = numpy_helper.from_array(np.frombuffer(b'\x0a\x08location\x12' * 4, np.uint8), 'w')
    whole = model([tensor], [constant(False)])
    for part in (whole, whole.graph, whole.graph.node[0], whole.graph.initializer[0]):
        part.metadata_props.add(key='location', value='hall 3')
    assert not has_external_data(whole.SerializeToString())


def test_a_student_may_say_its_location(tmp_path):
    """The key is anybody's: such a file is opened."""
    from famda_ros.student.runtime import Student

    path = save_tiny(tmp_path / 'tiny.onnx')
    whole = onnx.load(str(path))
    whole.metadata_props.add(key='location', value='hall 3')
    onnx.save(whole, str(path))
    assert Student(path, threads=1).card.name == 'tiny'


@settings(max_examples=200, derandomize=True)
@given(st.binary(max_size=60) | st.integers(0, 400).map(lambda size: model([weights(True)]).SerializeToString()[:size]))
def test_any_bytes_are_answered(data):
    assert has_external_data(data) in (True, False)


def test_the_student_that_ships_is_one_file():
    assert not has_external_data(resolve(DEFAULT_MODEL).read_bytes())
