# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Segmentation networks as other projects export them, with random weights: other layouts, kinds of output, opsets."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from famda_ros.student.label_space import LabelSpace

SPACE = LabelSpace(
    'warehouse5', ('floor', 'rack', 'pallet', 'forklift', 'person'),
    ((90, 90, 90), (180, 120, 60), (220, 180, 40), (0, 0, 142), (220, 20, 60)),
)  # fmt: skip
HEIGHT, WIDTH = 64, 96


def foreign(
    gives: Mapping[str, str],
    layout: str = 'nchw',
    size: tuple[int, int] | None = (HEIGHT, WIDTH),
    opset: int = 13,
    stride: int = 4,
    takes: int = TensorProto.FLOAT,
    name: str = 'input',
    classes: int = len(SPACE),
    batch: int | str = 1,
) -> onnx.ModelProto:
    """Return a network.

    Args:
        gives: name of an output → 'logits', 'logits last' (channels), 'probabilities', 'ids', 'ids without channel',
            'float ids', 'depth', 'depth without channel' or 'depth last'.
        layout: 'nchw' or 'nhwc'.
        size: (H, W); None = dynamic.
        opset: version of the operators.
        stride: of its outputs; 1 = full size.
        takes: type of the input.
        name: of the input.
        classes: how many.
        batch: size of the batch, or its name.
    """
    rng = np.random.default_rng(5)
    weights = {
        'k1': rng.normal(0, 0.4, (8, 3, 3, 3)), 'k2': rng.normal(0, 0.6, (classes, 8, 1, 1)),
        'k3': np.abs(rng.normal(0, 2.0, (1, 8, 1, 1))),
    }  # fmt: skip
    nodes = [helper.make_node('Cast', [name], ['floats'], to=TensorProto.FLOAT)]
    if layout == 'nhwc':
        nodes.append(helper.make_node('Transpose', ['floats'], ['planes'], perm=[0, 3, 1, 2]))
    else:
        nodes.append(helper.make_node('Identity', ['floats'], ['planes']))
    nodes += [
        helper.make_node('Conv', ['planes', 'k1'], ['image'], pads=[1, 1, 1, 1], strides=[stride, stride]),
        helper.make_node('Relu', ['image'], ['labels']),  # names that a student has itself
        helper.make_node('Conv', ['labels', 'k2'], ['scores']),
        helper.make_node('Conv', ['labels', 'k3'], ['near']),
        helper.make_node('Add', ['near', 'half'], ['metres']),
    ]
    makers = {
        'logits': ('Identity', 'scores', {}, TensorProto.FLOAT, 4),
        'logits last': ('Transpose', 'scores', {'perm': [0, 2, 3, 1]}, TensorProto.FLOAT, 4),
        'probabilities': ('Softmax', 'scores', {'axis': 1}, TensorProto.FLOAT, 4),
        'ids': ('ArgMax', 'scores', {'axis': 1, 'keepdims': 1}, TensorProto.INT64, 4),
        'ids without channel': ('ArgMax', 'scores', {'axis': 1, 'keepdims': 0}, TensorProto.INT64, 3),
        'depth': ('Identity', 'metres', {}, TensorProto.FLOAT, 4),
        'depth last': ('Transpose', 'metres', {'perm': [0, 2, 3, 1]}, TensorProto.FLOAT, 4),
        'depth without channel': ('ArgMax', 'metres', {}, TensorProto.FLOAT, 3),
    }
    outputs = []
    for output, kind in gives.items():
        if kind == 'float ids':
            nodes += [
                helper.make_node('ArgMax', ['scores'], ['whole'], axis=1, keepdims=1),
                helper.make_node('Cast', ['whole'], [output], to=TensorProto.FLOAT),
            ]
            outputs.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, [None] * 4))
            continue
        operator, source, attributes, number, rank = makers[kind]
        if kind == 'depth without channel':
            nodes.append(helper.make_node('Squeeze', ['metres', 'one'], [output]))
        else:
            nodes.append(helper.make_node(operator, [source], [output], **attributes))
        outputs.append(helper.make_tensor_value_info(output, number, [None] * rank))
    height, width = size or ('h', 'w')
    shape = [batch, 3, height, width] if layout == 'nchw' else [batch, height, width, 3]
    constants = [numpy_helper.from_array(array.astype(np.float32), key) for key, array in weights.items()]
    constants += [
        numpy_helper.from_array(np.array(0.5, np.float32), 'half'), numpy_helper.from_array(np.array([1]), 'one'),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes, 'foreign', [helper.make_tensor_value_info(name, takes, shape)], outputs, constants
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', opset)], ir_version=8)


def photographs(count: int = 2, height: int = 2 * HEIGHT, width: int = 2 * WIDTH) -> list[np.ndarray]:
    """Return uint8 [H, W, 3] pictures with patches and edges, each another."""
    rng = np.random.default_rng(7)
    blocks = [rng.integers(0, 256, (height // 16, width // 16, 3), np.uint8) for _ in range(count)]
    return [np.kron(block, np.ones((16, 16, 1), np.uint8)) for block in blocks]
