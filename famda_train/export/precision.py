# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Students with smaller numbers: float16 for GPUs, int8 for CPUs and accelerators.

Only the network itself changes: from its first to its last convolution.  What is before and after
it stays in float32; it is little work, and ids, probabilities and metres need the digits.
"""
from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from famda_ros.errors import FamdaError
from famda_train.models.onnx_graph import drop_unused

PRODUCTS = ('Conv', 'MatMul', 'Gemm')
"""Operators that the work is in."""

_STAYS = {'Resize': (2,)}
"""Inputs that are float32 in whatever precision the operator works."""


def convert(model: onnx.ModelProto, precision: str, frames: Sequence[np.ndarray] = ()) -> onnx.ModelProto:
    """Return a student's graph in a precision.

    Args:
        model: in float32.
        precision: 'fp32', 'fp16' or 'int8'.
        frames: for int8: uint8 [h, w, 3] at network size, such as the robot will see.

    Raises:
        FamdaError: int8 without frames.
    """
    if precision == 'fp16':
        return to_fp16(model)
    if precision == 'int8':
        return to_int8(model, frames)
    return model


def to_fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph with its network in float16, and one cast at each place where it is entered or left."""
    half, full = TensorProto.FLOAT16, TensorProto.FLOAT
    copy = onnx.ModelProto()
    copy.CopyFrom(shape_inference.infer_shapes(model))
    graph, inside = copy.graph, set(network_nodes(model))
    floats = {value.name for value in graph.value_info if value.type.tensor_type.elem_type == full}
    numbers = {tensor.name: tensor for tensor in graph.initializer if tensor.data_type == full}
    made = {name for node in graph.node if node.name in inside for name in node.output}
    nodes: list[onnx.NodeProto] = []
    known: set[str] = set()

    def in_type(name: str, kind: int) -> str:
        """Return the name of a value in a type; casts it, once."""
        other = f'{name}_{TensorProto.DataType.Name(kind).lower()}'
        if other not in known:
            known.add(other)
            if name in numbers:
                array = numpy_helper.to_array(numbers[name]).astype(np.float16)
                graph.initializer.append(numpy_helper.from_array(array, other))
            else:
                nodes.append(helper.make_node('Cast', [name], [other], name=other, to=kind))
        return other

    for node in graph.node:
        stays = _STAYS.get(node.op_type, ())
        for place, name in enumerate(node.input):
            if node.name not in inside:
                if name in made and name in floats:
                    node.input[place] = in_type(name, full)
            elif (name in floats and name not in made) or (name in numbers and place not in stays):
                node.input[place] = in_type(name, half)
        nodes.append(node)
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    used = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)
    onnx.checker.check_model(copy, full_check=True)
    return copy


def to_int8(model: onnx.ModelProto, frames: Sequence[np.ndarray]) -> onnx.ModelProto:
    """Return the graph with its network in int8: static ranges, one scale per output channel of a weight.

    Activations are unsigned and weights signed, which ONNX Runtime has its fastest kernels for on every CPU.
    Weights have 7 bits: where a CPU has no VNNI, products of 8 bits overflow the 16 bits that they are added in.

    Raises:
        FamdaError: no frames.
    """
    if not len(frames):
        raise FamdaError('int8 needs frames to measure ranges on; give --calibrate a folder with some of the target')
    with tempfile.TemporaryDirectory() as folder, _quiet():
        source, out = Path(folder) / 'fp32.onnx', Path(folder) / 'int8.onnx'
        onnx.save(model, str(source))
        scaled = scaled_image(model)
        exact = {} if scaled is None else {scaled.name: [{'scale': scaled.scale, 'zero_point': scaled.zero}]}
        quantize_static(
            source,
            out,
            _Frames(frames),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            nodes_to_quantize=network_nodes(model),
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={'TensorQuantOverrides': exact},
        )
        small = onnx.load(str(out))
    if scaled is not None:
        read_bytes(small, scaled)
    pad_bytes(small)
    return small


class ScaledImage(NamedTuple):
    """A network's input that is a byte's multiple: (byte - zero) * scale.

    Attributes:
        pixels: name of the bytes, [1, 3, H, W].
        name: of the input of the network.
        scale: as float32, which the graph has.
        zero: 0..255.
    """

    pixels: str
    name: str
    scale: np.ndarray
    zero: np.ndarray


def scaled_image(model: onnx.ModelProto) -> ScaledImage | None:
    """Return the network's input where it is the image, scaled as int8 is; None where the encoder wants otherwise."""
    numbers = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    nodes = {node.output[0]: node for node in model.graph.node}
    first = next(node for node in model.graph.node if node.op_type in PRODUCTS)
    chain = [first]
    for operator in ('Mul', 'Sub', 'Cast'):
        node = nodes.get(chain[-1].input[0])
        if node is None or node.op_type != operator:
            return None
        chain.append(node)
    _, scale, shift, cast = chain
    factor, zero = numbers.get(scale.input[1]), numbers.get(shift.input[1])
    if factor is None or zero is None or factor.size != 1 or zero.size != 1 or abs(zero - zero.round()) > 1e-3:
        return None
    if not 0 <= zero <= 255:
        return None
    zero_point = np.array(zero.round().reshape(()), np.uint8)
    return ScaledImage(cast.input[0], scale.output[0], factor.reshape(()).astype(np.float32), zero_point)


def read_bytes(model: onnx.ModelProto, image: ScaledImage) -> None:
    """Take the bytes of the image as the network's int8 input: quantising them gives them back; changes ``model``."""
    graph = model.graph
    quantise = next(n for n in graph.node if n.op_type == 'QuantizeLinear' and n.input[0] == image.name)
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name == quantise.output[0]:
                node.input[place] = image.pixels
    drop_unused(graph)


def pad_bytes(model: onnx.ModelProto) -> None:
    """Have bytes padded instead of the numbers that they stand for, where both have one scale; changes ``model``.

    The same values in a tenth of the time: the quantiser would make float32 of a map, pad that, and make bytes again.
    """
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    for pad in [node for node in graph.node if node.op_type == 'Pad' and len(node.input) == 2]:
        before = makers.get(pad.input[0])
        readers = [node for node in graph.node if pad.output[0] in node.input]
        if before is None or before.op_type != 'DequantizeLinear' or [n.op_type for n in readers] != ['QuantizeLinear']:
            continue
        after = readers[0]
        if list(before.input[1:]) == list(after.input[1:]):
            zero = before.input[2]
            pad.input[:] = [before.input[0], pad.input[1], zero]
            pad.output[0] = after.output[0]
            graph.node.remove(after)
    drop_unused(graph)


def network_nodes(model: onnx.ModelProto) -> list[str]:
    """Return the names of the nodes from the first to the last product: with one before or at, and one after or at."""
    nodes = list(model.graph.node)
    after = _reached(nodes, lambda node: (node.input, node.output))
    before = _reached(nodes[::-1], lambda node: (node.output, node.input))
    return [node.name for node in nodes if node.name in after and node.name in before]


def _reached(nodes: Sequence[onnx.NodeProto], ends) -> set[str]:
    """Return the names of products and of what is reached from them.

    Args:
        nodes: in the order of the reach.
        ends: gives the values through which a node is reached, and those that it reaches.
    """
    values: set[str] = set()
    names = set()
    for node in nodes:
        here, there = ends(node)
        if node.op_type in PRODUCTS or values.intersection(here):
            names.add(node.name)
            values.update(there)
    return names


class _Frames(CalibrationDataReader):
    def __init__(self, frames: Sequence[np.ndarray]):
        self._frames = iter(frames)

    def get_next(self) -> dict[str, np.ndarray] | None:
        frame = next(self._frames, None)
        return None if frame is None else {'image': frame[None]}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the quantiser, which warns of steps that are done elsewhere."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
