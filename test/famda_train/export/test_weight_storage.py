# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from small_street import HEADS, HEIGHT, WIDTH

from famda_ros.errors import FamdaError
from famda_ros.student.runtime import OUTPUTS
from famda_train.export.graph_passes import trace
from famda_train.export.weight_storage import LEAST, check_weights, halve, store
from famda_train.models.student import StudentNetwork
from famda_train.models.student_graph import StudentGraph


@pytest.fixture(scope='module')
def model():
    """A student whose weights are most of its file, with the statistics of random images."""
    torch.manual_seed(1)
    network = StudentNetwork(HEADS, widths=[32, 48, 64, 64, 64], channels=32).train()
    for _ in range(3):
        network(torch.rand(4, 3, HEIGHT, WIDTH))
    return trace(StudentGraph(network, (0.5, 120.0)), (HEIGHT, WIDTH), OUTPUTS)


def image(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (1, HEIGHT, WIDTH, 3), dtype=np.uint8)


def run(model, inputs, optimised=None):
    """Return the outputs by name; ``optimised`` gets the graph that ONNX Runtime really runs."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if optimised:
        options.optimized_model_filepath = str(optimised)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=['CPUExecutionProvider'])
    return dict(zip((o.name for o in session.get_outputs()), session.run(None, inputs), strict=True))


def test_the_file_is_about_half_as_large_and_answers_the_same(model):
    small = store(model, 'fp16')
    assert 0.45 < len(small.SerializeToString()) / len(model.SerializeToString()) < 0.6
    for seed in range(3):
        ours, theirs = run(model, {'image': image(seed)}), run(small, {'image': image(seed)})
        assert np.mean(ours['labels'] == theirs['labels']) > 0.99
        np.testing.assert_allclose(theirs['depth'], ours['depth'], rtol=0.01)
        assert np.abs(theirs['confidence'].astype(float) - ours['confidence']).mean() < 1


def test_every_large_weight_of_a_product_is_stored_in_half(model):
    small = store(model, 'fp16')
    weights = {node.input[1] for node in model.graph.node if node.op_type == 'Conv'}
    large = {t.name for t in model.graph.initializer if t.name in weights and np.prod(t.dims) >= LEAST}
    kinds = {t.name: t.data_type for t in small.graph.initializer}
    assert large and all(kinds[f'{name}_float16'] == TensorProto.FLOAT16 for name in large)
    assert not large & set(kinds)


def test_nothing_of_it_is_left_at_run_time(model, tmp_path):
    """Same operators, same types: hence the same time."""
    graphs = []
    for weights in ('fp32', 'fp16'):
        run(store(model, weights), {'image': image()}, tmp_path / 'run.onnx')
        graphs.append(onnx.load(str(tmp_path / 'run.onnx')).graph)
    full, half = ([node.op_type for node in graph.node] for graph in graphs)
    assert sorted(full) == sorted(half)
    assert not any(tensor.data_type == TensorProto.FLOAT16 for tensor in graphs[1].initializer)


def test_the_model_that_is_given_stays_as_it_is(model):
    before = model.SerializeToString()
    store(model, 'fp16')
    assert model.SerializeToString() == before
    assert store(model, 'fp32') is model


@pytest.mark.parametrize('size', [1e-12, 1e-7, 1.0, 1e6])
def test_outputs_of_any_size_keep_their_digits(size):
    """Float16 itself ends at 6e-8 and 65504; folded normalisations do not."""
    weight = np.random.default_rng(0).normal(size=(8, 4, 3, 3)).astype(np.float32)
    weight[3] *= np.float32(size)
    weight[5] = 0
    half, factor = halve(weight, 0)
    assert half.dtype == np.float16 and factor.dtype == np.float32 and factor.shape == (8, 1, 1, 1)
    error = np.abs(half.astype(np.float32) * factor - weight).max(axis=(1, 2, 3))
    assert (error <= 2.0**-11 * np.abs(weight).max(axis=(1, 2, 3))).all()


def matrix_product(kind, weight, **attributes):
    """Return a graph of one product with a constant weight."""
    rows = weight.shape[1 if attributes.get('transB') else 0]
    columns = weight.size // rows
    node = helper.make_node(kind, ['x', 'weight'], ['y'], name='product', **attributes)
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2, s]) for n, s in (('x', rows), ('y', columns))]
    graph = helper.make_graph([node], 'g', values[:1], values[1:], [numpy_helper.from_array(weight, 'weight')])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=9)


@pytest.mark.parametrize(('kind', 'attributes'), [('MatMul', {}), ('Gemm', {}), ('Gemm', {'transB': 1})])
def test_matrices_have_a_factor_per_output(kind, attributes):
    """One column of the product is tiny beside the others, and is as exact as they are."""
    rng = np.random.default_rng(2)
    weight = rng.normal(size=(40, 24)).astype(np.float32)
    weight[:, 7] *= np.float32(1e-9)
    model = matrix_product(kind, weight.T.copy() if attributes else weight, **attributes)
    small = store(model, 'fp16')
    assert any(tensor.data_type == TensorProto.FLOAT16 for tensor in small.graph.initializer)
    x = rng.normal(size=(2, 40)).astype(np.float32)
    scale = np.abs(x) @ np.abs(weight)
    assert (np.abs(run(small, {'x': x})['y'] - x @ weight) <= 1e-3 * scale).all()


@pytest.mark.parametrize('precision', ['fp16', 'int8'])
def test_other_precisions_refuse_it(precision):
    check_weights('fp16', 'fp32')
    check_weights('fp32', precision)
    with pytest.raises(FamdaError, match=f'for precision fp32, and {precision} stores') as error:
        check_weights('fp16', precision)
    assert '\n' not in str(error.value)


def test_an_unknown_way_is_refused():
    with pytest.raises(FamdaError, match="'bf16'; choose one of fp32, fp16"):
        check_weights('bf16', 'fp32')
