# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A torch module → an ONNX graph without work that can be done once, before it runs."""
from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper, numpy_helper
from torch import nn

from famda_ros.student.providers import session_options

OPSET = 18


def trace(graph: nn.Module, size: tuple[int, int], outputs: Sequence[str]) -> onnx.ModelProto:
    """Return the ONNX form of a module that maps uint8 [1, H, W, 3] to ``outputs``, folded.

    Args:
        graph: the module.
        size: (H, W) in pixels.
        outputs: names, in the order in which the module gives them.
    """
    example = torch.zeros((1, *size, 3), dtype=torch.uint8)
    logging.getLogger('torch.onnx').setLevel(logging.ERROR)  # says which optional packages it does without
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'raw.onnx'
        torch.onnx.export(
            graph.eval(),
            (example,),
            str(path),
            input_names=['image'],
            output_names=list(outputs),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        return enlarge_planes(decide_channels_last(merge_pointwise(fold(path))))


def fold(path: Path) -> onnx.ModelProto:
    """Return a model file with constants computed and normalisations folded into convolutions.

    ONNX Runtime would do the same at every start; its result holds standard operators only.
    """
    folded = path.with_name('folded.onnx')
    options = session_options(threads=1)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folded)
    onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
    return onnx.load(str(folded))


def merge_pointwise(model: onnx.ModelProto) -> onnx.ModelProto:
    """Make one 1x1 convolution of two that follow each other, where that is less work; changes ``model``.

    Such are the last block of an EfficientNet, which ends linearly, and the decoder's projection of it.
    """
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    readers = Counter(name for node in graph.node for name in node.input)
    kept = {output.name for output in graph.output}
    for second in list(graph.node):
        first = makers.get(second.input[0]) if second.input else None
        if first is None or not (_is_pointwise(first, weights) and _is_pointwise(second, weights)):
            continue
        between = first.output[0]
        (a, a_bias), (b, b_bias) = _parameters(first, weights), _parameters(second, weights)
        if readers[between] != 1 or between in kept or b.shape[0] * a.shape[1] >= a.size + b.size:
            continue
        name = second.output[0]
        merged = {
            f'{name}_weight': np.tensordot(b[:, :, 0, 0], a, 1),
            f'{name}_bias': b[:, :, 0, 0] @ a_bias + b_bias,
        }
        graph.initializer.extend(numpy_helper.from_array(v.astype(np.float32), k) for k, v in merged.items())
        place = list(graph.node).index(second)
        graph.node.insert(place, helper.make_node('Conv', [first.input[0], *merged], [name], name=second.name))
        graph.node.remove(first)
        graph.node.remove(second)
        weights = {tensor.name: tensor for tensor in graph.initializer}
        makers = {name: node for node in graph.node for name in node.output}
    _drop_unused(graph)
    return model


CHANNELS_LAST = [0, 2, 3, 1]
ROWS_AND_COLUMNS = [1, 2]
"""Their axes where channels are last."""


def decide_channels_last(model: onnx.ModelProto) -> onnx.ModelProto:
    """Where enlarged classes are decided between, bring classes to the end before; changes ``model``.

    The values of a pixel then lie side by side in memory: with 19 classes enlarging and deciding take half the time
    (docs/performance.md).  torch enlarges with channels in second place only, and ONNX Runtime's own optimiser, which
    :func:`fold` runs, would take a transposition in the module to another place.
    """
    graph = model.graph
    numbers = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    readers = Counter(name for node in graph.node for name in node.input)
    for decide in [node for node in graph.node if node.op_type == 'ArgMax']:
        resize = makers.get(decide.input[0])
        if resize is None or resize.op_type != 'Resize' or readers[decide.input[0]] != 1:
            continue
        axis = next(attribute for attribute in decide.attribute if attribute.name == 'axis')
        size = next((name for name in resize.input[1:] if name in numbers and numbers[name].size == 4), None)
        if axis.i != 1 or size is None:
            continue
        values, turned = f'{resize.input[0]}_channels_last', f'{resize.output[0]}_{size}'
        graph.initializer.append(numpy_helper.from_array(numbers[size][2:], turned))
        transpose = helper.make_node('Transpose', [resize.input[0]], [values], name=values, perm=CHANNELS_LAST)
        graph.node.insert(list(graph.node).index(resize), transpose)
        resize.input[:] = [values, *(turned if name == size else name for name in resize.input[1:])]
        # Said so, it takes OpenVINO 6 ms instead of 64 ms, and ONNX Runtime's own kernel as long as ever.
        resize.attribute.append(helper.make_attribute('axes', ROWS_AND_COLUMNS))
        axis.i = 3
        for shape in [value for value in graph.value_info if value.name == resize.output[0]]:
            graph.value_info.remove(shape)
    _drop_unused(graph)
    return model


def enlarge_planes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Have what is one plane, [1, 1, h, w], enlarged as a matrix [h, w]; changes ``model``.

    It takes OpenVINO a tenth of the time, and ONNX Runtime's own kernel as long as ever.
    """
    graph = model.graph
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in graph.value_info}
    for resize in [node for node in graph.node if node.op_type == 'Resize']:
        source, result = resize.input[0], resize.output[0]
        before, after = shapes.get(source, []), shapes.get(result, [])
        if not (len(before) == len(after) == 4 and before[:2] == after[:2] == [1, 1] and all(before + after)):
            continue
        plane, large = f'{source}_plane', f'{result}_plane'
        constants = {f'{plane}_shape': before[2:], f'{large}_size': after[2:], f'{result}_shape': after}
        graph.initializer.extend(numpy_helper.from_array(np.array(v, np.int64), k) for k, v in constants.items())
        place = list(graph.node).index(resize)
        graph.node.insert(place, helper.make_node('Reshape', [source, f'{plane}_shape'], [plane], name=plane))
        graph.node.insert(place + 2, helper.make_node('Reshape', [large, f'{result}_shape'], [result], name=large))
        resize.input[:] = [plane, '', '', f'{large}_size']
        resize.output[0] = large
    _drop_unused(graph)
    return model


def _drop_unused(graph: onnx.GraphProto) -> None:
    used = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)


def _is_pointwise(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto]) -> bool:
    """Tell whether a node is a 1x1 convolution with stride 1, one group, no padding and known weights."""
    if node.op_type != 'Conv' or any(name not in weights for name in node.input[1:]):
        return False
    values = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    plain = values.get('group', 1) == 1 and not any(values.get('pads', [])) and set(values.get('strides', [1])) == {1}
    return plain and list(weights[node.input[1]].dims[2:]) == [1, 1]


def _parameters(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto]) -> tuple[np.ndarray, np.ndarray]:
    """Return weight [outputs, inputs, 1, 1] and bias [outputs] of a convolution."""
    weight = numpy_helper.to_array(weights[node.input[1]])
    return weight, numpy_helper.to_array(weights[node.input[2]]) if len(node.input) > 2 else np.zeros(len(weight))
