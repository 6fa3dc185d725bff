# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Files of half the size: weights are stored in float16, and the network computes in float32 as before.

ONNX Runtime makes float32 of them once, when it loads the file.
"""
from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from famda_ros.errors import FamdaError, choose
from famda_ros.student.model_card import WEIGHTS
from famda_train.export.precision import PRODUCTS

LEAST = 256
"""Numbers of a weight that is worth nodes of its own."""


def check_weights(weights: str, precision: str) -> None:
    """Raise FamdaError where a precision's weights cannot be stored so.

    Args:
        weights: 'fp32' or 'fp16'.
        precision: of the file.
    """
    choose(dict.fromkeys(WEIGHTS), weights, 'way to store weights')
    if weights != 'fp32' and precision != 'fp32':
        raise FamdaError(
            f'weights stored in {weights} are for precision fp32, and {precision} stores small numbers of its own; '
            'leave out --weights or --precision'
        )


def store(model: onnx.ModelProto, weights: str) -> onnx.ModelProto:
    """Return a float32 graph with its weights stored as 'fp32' or 'fp16'."""
    return with_half_weights(model) if weights == 'fp16' else model


def with_half_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a float32 graph whose convolutions and matrix products store their large weights in float16.

    Behind each weight are a cast to float32 and a factor per output, see :func:`halve`.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    axes = {node.input[1]: _output_axis(node) for node in graph.node if node.op_type in PRODUCTS}
    nodes = []
    for tensor in list(graph.initializer):
        name, axis = tensor.name, axes.get(tensor.name)
        if axis is None or tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < LEAST:
            continue
        half, factor = halve(numpy_helper.to_array(tensor), axis)
        stored, single, scale = f'{name}_float16', f'{name}_float32', f'{name}_factor'
        tensor.CopyFrom(numpy_helper.from_array(half, stored))
        graph.initializer.append(numpy_helper.from_array(factor, scale))
        nodes.append(helper.make_node('Cast', [stored], [single], name=single, to=TensorProto.FLOAT))
        nodes.append(helper.make_node('Mul', [single, scale], [name], name=name))
    nodes += graph.node
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(copy, full_check=True)
    return copy


def halve(weight: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (half, factor) with half * factor = weight, as far as float16 has the digits.

    The factor brings the largest weight of each output to 0.5..1, where float16 has 11 bits. For normalisations that
    are folded into convolutions make outputs of very different sizes: some would be zero in float16, and the next
    convolution could have enlarged them again.

    Args:
        weight: float32.
        axis: of the outputs.

    Returns:
        float16 of the same shape, and float32 with one power of two per output, of length 1 along all other axes.
    """
    others = tuple(i for i in range(weight.ndim) if i != axis % weight.ndim)
    exponent = np.frexp(np.abs(weight).max(axis=others, keepdims=True))[1]
    return np.ldexp(weight, -exponent).astype(np.float16), np.ldexp(np.float32(1), exponent)


def _output_axis(node: onnx.NodeProto) -> int:
    """Return the axis of the outputs in the weight of a product."""
    transposed = any(a.name == 'transB' and a.i for a in node.attribute)
    return 0 if node.op_type == 'Conv' or transposed else -1
