# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper
from small_street import HEADS, HEIGHT, SMALL_NETWORK, WIDTH, kernel_bytes

from famda_ros.errors import FamdaError
from famda_ros.student.runtime import OUTPUTS
from famda_train.export.graph_passes import trace
from famda_train.export.precision import convert, network_nodes, pad_bytes, scaled_image
from famda_train.models.student import StudentNetwork
from famda_train.models.student_graph import StudentGraph, run_torch
from famda_train.world import render


@pytest.fixture(scope='module')
def graph():
    torch.manual_seed(1)
    network = StudentNetwork(HEADS, **SMALL_NETWORK).train()
    for _ in range(3):
        network(torch.rand(4, 3, HEIGHT, WIDTH))
    return StudentGraph(network, (0.5, 120.0))


@pytest.fixture(scope='module')
def model(graph):
    return trace(graph, (HEIGHT, WIDTH), OUTPUTS)


def images(count=4):
    return [render(seed, 'night', WIDTH, HEIGHT).image for seed in range(count)]


def answers(model, image):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])
    return {k: v[0] for k, v in zip(OUTPUTS, session.run(list(OUTPUTS), {'image': image[None]}), strict=True)}


def test_only_the_network_changes(model):
    operators = {node.name: node.op_type for node in model.graph.node}
    inside = network_nodes(model)
    assert [operators[name] for name in inside].count('Conv') == list(operators.values()).count('Conv')
    outside = {operators[name] for name in operators if name not in inside}
    assert {'ArgMax', 'Exp', 'Cast', 'Reciprocal'} <= outside
    assert not {'ArgMax', 'Exp', 'Cast', 'Transpose'} & {operators[name] for name in inside}


@pytest.mark.parametrize(('precision', 'labels', 'depth'), [('fp16', 0.99, 0.005), ('int8', 0.9, 0.05)])
def test_answers_stay_near_those_of_torch(graph, model, precision, labels, depth):
    small = convert(model, precision, images())
    assert kernel_bytes(small) < 0.6 * kernel_bytes(model)
    for image in images():
        ours, theirs = run_torch(graph, image), answers(small, image)
        assert np.mean(ours['labels'] == theirs['labels']) > labels
        np.testing.assert_allclose(theirs['depth'].mean(), ours['depth'].mean(), rtol=depth)
        assert theirs['depth'].dtype == np.float32


def test_float16_is_in_the_weights_and_casts_are_at_the_borders_only(model):
    half = convert(model, 'fp16')
    kinds = {tensor.data_type for tensor in half.graph.initializer if np.prod(tensor.dims) > 8}
    assert onnx.TensorProto.FLOAT16 in kinds
    casts = [node for node in half.graph.node if node.op_type == 'Cast']
    before = [node for node in model.graph.node if node.op_type == 'Cast']
    assert len(casts) - len(before) == 1 + len(HEADS)


def test_int8_weights_have_a_scale_per_output_and_no_more_than_7_bits(model):
    small = convert(model, 'int8', images())
    weights = [numpy_helper.to_array(t) for t in small.graph.initializer if t.data_type == onnx.TensorProto.INT8]
    large = [weight for weight in weights if weight.ndim == 4]
    assert large and all(np.abs(weight.astype(int)).max() <= 64 for weight in large)
    scales = [numpy_helper.to_array(t) for t in small.graph.initializer if t.name.endswith('_scale')]
    assert any(scale.ndim == 1 and scale.size > 1 for scale in scales)


def test_float32_is_left_alone_and_int8_needs_frames(model):
    assert convert(model, 'fp32') is model
    with pytest.raises(FamdaError, match='--calibrate'):
        convert(model, 'int8')


def test_int8_reads_the_bytes_of_the_image(model):
    scaled = scaled_image(model)
    assert scaled is not None and scaled.zero == 102  # 0.4 of 255, the mean of the small encoder
    small = convert(model, 'int8', images())
    made = {name: node for node in small.graph.node for name in node.output}
    first = next(node for node in small.graph.node if node.op_type == 'Conv')
    dequantised = made[first.input[0]]
    assert dequantised.op_type == 'DequantizeLinear' and made[dequantised.input[0]].op_type == 'Transpose'
    assert 'Sub' not in [node.op_type for node in small.graph.node[:5]]


def test_an_image_whose_channels_differ_is_scaled_in_float():
    network = StudentNetwork(HEADS, 'resnet18', channels=8)
    assert scaled_image(trace(StudentGraph(network, (0.5, 120.0)), (32, 64), OUTPUTS)) is None


@pytest.mark.parametrize('same', [True, False])
def test_bytes_are_padded_where_both_sides_have_one_scale(same):
    """What a halving convolution of EfficientNet-Lite0 becomes in int8; numbers are padded where scales differ."""
    graph = helper.make_graph(
        [
            helper.make_node('QuantizeLinear', ['x', 'scale', 'zero'], ['q']),
            helper.make_node('DequantizeLinear', ['q', 'scale', 'zero'], ['d']),
            helper.make_node('Pad', ['d', 'sides'], ['p']),
            helper.make_node('QuantizeLinear', ['p', 'scale' if same else 'other', 'zero'], ['r']),
            helper.make_node('DequantizeLinear', ['r', 'scale' if same else 'other', 'zero'], ['y']),
        ],
        'padded',
        [helper.make_tensor_value_info('x', onnx.TensorProto.FLOAT, [1, 2, 3, 4])],
        [helper.make_tensor_value_info('y', onnx.TensorProto.FLOAT, [1, 2, 5, 7])],
        [
            numpy_helper.from_array(np.array([0, 0, 1, 1, 0, 0, 1, 2]), 'sides'),
            numpy_helper.from_array(np.float32(0.05), 'scale'),
            numpy_helper.from_array(np.float32(0.1), 'other'),
            numpy_helper.from_array(np.uint8(7), 'zero'),
        ],
    )
    before = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=9)
    after = onnx.ModelProto()
    after.CopyFrom(before)
    pad_bytes(after)
    onnx.checker.check_model(after, full_check=True)
    operators = [node.op_type for node in after.graph.node]
    assert operators.count('QuantizeLinear') == (1 if same else 2) and operators.count('Pad') == 1
    x = np.random.default_rng(0).uniform(-0.3, 5, (1, 2, 3, 4)).astype(np.float32)
    ours, theirs = (
        onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider']).run(None, {'x': x})
        for model in (after, before)
    )
    np.testing.assert_array_equal(ours[0], theirs[0])
    assert (ours[0] != 0).any() and (ours[0][0, 0, 0] == 0).all()
