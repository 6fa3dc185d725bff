# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Graphs without what nobody uses."""
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from famda_train.models.onnx_graph import drop_unused


def value(name, kind=TensorProto.FLOAT, shape=(2,)):
    return helper.make_tensor_value_info(name, kind, shape)


def number(name, x):
    return numpy_helper.from_array(np.full(2, x, np.float32), name)


def names(graph):
    return (
        [node.output[0] for node in graph.node],
        [tensor.name for tensor in graph.initializer],
        [one.name for one in graph.input],
    )


def test_whole_chains_that_lead_nowhere_go_with_what_they_read():
    graph = helper.make_graph(
        [
            helper.make_node('Add', ['x', 'one'], ['sum']),
            helper.make_node('Mul', ['y', 'two'], ['unused']),
            helper.make_node('Relu', ['unused'], ['unused too']),
            helper.make_node('Relu', ['sum'], ['result']),
        ],
        'g', [value('x'), value('y')], [value('result')], [number('one', 1), number('two', 2), number('three', 3)],
    )  # fmt: skip
    drop_unused(graph)
    assert names(graph) == (['sum', 'result'], ['one'], ['x'])


def test_what_a_subgraph_reads_from_outside_stays():
    def branch(name, node):
        return helper.make_graph([node], name, [], [value(name)])

    graph = helper.make_graph(
        [
            helper.make_node('Add', ['x', 'one'], ['sum']),
            helper.make_node(
                'If', ['choice'], ['result'],
                then_branch=branch('yes', helper.make_node('Identity', ['sum'], ['yes'])),
                else_branch=branch('no', helper.make_node('Identity', ['two'], ['no'])),
            ),
        ],
        'g', [value('x'), value('choice', TensorProto.BOOL, ())], [value('result')],
        [number('one', 1), number('two', 2)],
    )  # fmt: skip
    drop_unused(graph)
    assert names(graph) == (['sum', 'result'], ['one', 'two'], ['x', 'choice'])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])
    assert session.run(None, {'x': np.zeros(2, np.float32), 'choice': np.array(True)})[0].tolist() == [1, 1]
