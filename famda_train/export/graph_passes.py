# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A torch module → an ONNX graph without work that can be done once, before it runs."""
from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper, numpy_helper
from torch import nn
from torch.export import Dim

from famda_ros.student.providers import session_options
from famda_ros.student.runtime import DIMENSIONS
from famda_train.models.onnx_graph import drop_unused

OPSET = 18


def trace(graph: nn.Module, size: tuple[int, int], outputs: Sequence[str], stride: int = 0) -> onnx.ModelProto:
    """Return the ONNX form of a module that maps uint8 [1, H, W, 3] to ``outputs``, folded.

    Args:
        graph: the module.
        size: (H, W) in pixels.
        outputs: names, in the order in which the module gives them.
        stride: heights and widths of the result are dynamic multiples of it; 0 = it has the one shape ``size``.
    """
    example = torch.zeros((1, *size, 3), dtype=torch.uint8)
    logging.getLogger('torch.onnx').setLevel(logging.ERROR)  # says which optional packages it does without
    dynamic: dict[str, Any] | None = None
    if stride:
        dynamic = {'image': {1: stride * Dim('high', min=2), 2: stride * Dim('wide', min=2)}}
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
            dynamic_shapes=dynamic,
        )
        model = without_origins(resize_planes(resize_channels_last(merge_pointwise(fold(path)))))
        return name_dimensions(model) if stride else model


def without_origins(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drop what torch notes of where nodes and values come from, such as paths of this machine; changes ``model``."""
    graph = model.graph
    parts: list[Any] = [graph, *graph.node, *graph.initializer, *graph.input, *graph.output, *graph.value_info]
    for part in parts:
        del part.metadata_props[:]
    return model


def name_dimensions(model: onnx.ModelProto) -> onnx.ModelProto:
    """Call the dynamic dimensions of input and outputs what the robot's side calls them; changes ``model``."""
    for value in (*model.graph.input, *model.graph.output):
        for dimension, name in zip(value.type.tensor_type.shape.dim[1:3], DIMENSIONS, strict=True):
            dimension.dim_param = name
    del model.graph.value_info[:]  # shapes of values between, in terms of the former names
    return model


def fold(path: Path) -> onnx.ModelProto:
    """Return a model file with constants computed and normalisations folded into convolutions.

    ONNX Runtime would do the same at every start; its result holds standard operators only.
    """
    folded = path.with_name('folded.onnx')
    options = session_options(threads=1)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folded)
    # It would move the transposition that resize_channels_last looks for.
    onnxruntime.InferenceSession(
        str(path), options, providers=['CPUExecutionProvider'], disabled_optimizers=['TransposeOptimizer']
    )
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
    drop_unused(graph)
    return model


CHANNELS_LAST = [0, 2, 3, 1]
ROWS_AND_COLUMNS = [1, 2]
"""Their axes where channels are last."""


def resize_channels_last(model: onnx.ModelProto) -> onnx.ModelProto:
    """Where upsampled classes are brought to the end, bring them there before they are upsampled; changes ``model``.

    The values of a pixel then lie side by side in memory: with 19 classes upsampling and deciding take half the time
    (docs/performance.md).  torch upsamples with channels in second place only.
    """
    graph = model.graph
    numbers = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    readers = Counter(name for node in graph.node for name in node.input)
    for transpose in [node for node in graph.node if node.op_type == 'Transpose']:
        resize = makers.get(transpose.input[0])
        if resize is None or resize.op_type != 'Resize' or readers[transpose.input[0]] != 1:
            continue
        factors = resize.input[2] if len(resize.input) > 2 else ''
        if helper.get_node_attr_value(transpose, 'perm') != CHANNELS_LAST or factors not in numbers:
            continue
        values, result = f'{resize.input[0]}_channels_last', transpose.output[0]
        graph.initializer.append(numpy_helper.from_array(numbers[factors][2:], f'{result}_factors'))
        place = list(graph.node).index(resize)
        graph.node.insert(
            place, helper.make_node('Transpose', [resize.input[0]], [values], name=values, perm=CHANNELS_LAST)
        )
        resize.input[:] = [values, '', f'{result}_factors']
        resize.output[0] = result
        # With its axes named, it takes OpenVINO 6 ms instead of 64 ms, and ONNX Runtime's own kernel as long as ever.
        resize.attribute.append(helper.make_attribute('axes', ROWS_AND_COLUMNS))
        graph.node.remove(transpose)
    drop_unused(graph)
    return model


def resize_planes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Have what is one plane, [1, 1, h, w], resized by a factor as a matrix [h, w]; changes ``model``.

    It takes OpenVINO a tenth of the time, and ONNX Runtime's own kernel as long as ever.
    """
    graph = model.graph
    numbers = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in graph.value_info}
    for resize in [node for node in graph.node if node.op_type == 'Resize' and len(node.input) > 2]:
        source, result, factors = resize.input[0], resize.output[0], resize.input[2]
        if shapes.get(source, [])[:2] != [1, 1] or len(shapes[source]) != 4 or len(numbers.get(factors, ())) != 4:
            continue
        plane, large = f'{source}_plane', f'{result}_plane'
        constants = {f'{plane}_axes': np.array([0, 1]), f'{large}_factors': numbers[factors][2:]}
        graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in constants.items())
        place = list(graph.node).index(resize)
        graph.node.insert(place, helper.make_node('Squeeze', [source, f'{plane}_axes'], [plane], name=plane))
        graph.node.insert(place + 2, helper.make_node('Unsqueeze', [large, f'{plane}_axes'], [result], name=large))
        resize.input[:] = [plane, '', f'{large}_factors']
        resize.output[0] = large
    drop_unused(graph)
    return model


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
