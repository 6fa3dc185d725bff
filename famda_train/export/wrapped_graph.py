# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A network made elsewhere → the graph of a student: uint8 RGB in; labels, confidence and metres out, at full size.

The nodes of the network stay as they are.  What is added uses operators whose form has not changed from opset
:data:`famda_train.export.foreign_network.OLDEST_OPSET` on, so that no network needs to be converted.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from famda_ros.student.label_space import IGNORE
from famda_ros.student.model_card import OUTPUTS
from famda_ros.student.runtime import DIMENSIONS
from famda_train.export.foreign_network import (
    DEPTH,
    LABELS,
    ORDERS,
    PROBABILITIES,
    ForeignNetwork,
    Reading,
    image_inputs,
    opset_of,
)
from famda_train.models.onnx_graph import drop_unused

IMAGE = 'image'
LEAST_PROBABILITY = 1e-12
"""Whose logarithm is taken where a probability is 0."""
OLDEST_IR = 8
"""Form of the file in which weights are no inputs."""
TYPES = {'labels': TensorProto.UINT8, 'confidence': TensorProto.UINT8, 'depth': TensorProto.FLOAT}


class Nodes:
    """Nodes and constants to add to a graph; every value gets a name of its own.

    Attributes:
        nodes, constants: what was added.
    """

    def __init__(self, opset: int):
        """Begin with none, for operators of a version."""
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._opset = opset

    def add(self, operator: str, inputs: Sequence[str], named: str = '', **attributes: Any) -> str:
        """Add a node and return the name of its output: ``named``, or a new one."""
        name = named or f'wrap/{operator}_{len(self.nodes)}'
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=f'wrap/node_{name}', **attributes))
        return name

    def constant(self, values: Any, kind: type = np.float32) -> str:
        """Add a constant and return its name."""
        name = f'wrap/constant_{len(self.constants)}'
        self.constants.append(numpy_helper.from_array(np.array(values, kind), name))
        return name

    def resize(self, value: str, size: str, **attributes: Any) -> str:
        """Resize [a, b, c, d] to ``size``, the name of int64 [4]."""
        # Before opset 13 what is not given is an empty tensor.
        unused = '' if self._opset >= 13 else self.constant([])
        inputs = [value, unused, unused, size]
        return self.add('Resize', inputs, coordinate_transformation_mode='half_pixel', **attributes)


def wrapped_graph(
    network: ForeignNetwork,
    size: tuple[int, int],
    dynamic: bool,
    depth_range_m: tuple[float, float] | None = None,
) -> onnx.ModelProto:
    """Return the graph of a student around a network.

    Args:
        network: with the readings of its outputs at ``size``.
        size: (H, W) in pixels of the network.
        dynamic: whether height and width are dynamic; an output that has the size of the input at ``size`` has it at
            every size.
        depth_range_m: (nearest, farthest) metres that depth is clamped to.
    """
    model = onnx.ModelProto()
    model.CopyFrom(network.model)
    graph, opset = model.graph, opset_of(model)
    source = image_inputs(model)[0].name
    # The student's names must be free in the network.
    taken = {name: f'network/{name}' for name in (IMAGE, *OUTPUTS)}
    rename(graph, taken)
    added = Nodes(opset)
    _prepare(added, network, taken.get(source, source))
    before = len(added.nodes)
    sizes = Sizes(added, size, dynamic)
    results: dict[str, str] = {}
    for reading in network.readings:
        value = taken.get(reading.name, reading.name)
        if reading.kind == LABELS:
            results['labels'] = _labels(added, value, reading, sizes, len(network.space))
        elif reading.kind == DEPTH:
            assert depth_range_m is not None
            results['depth'] = _depth(added, value, reading, sizes, depth_range_m)
        else:
            results['labels'], results['confidence'] = _decided(added, value, reading, sizes, len(network.space))
    for name, value in results.items():
        added.add('Reshape', [value, sizes.of(1, 'size')], name)
    nodes = [*added.nodes[:before], *graph.node, *added.nodes[before:]]
    del graph.node[:], graph.input[:], graph.output[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(added.constants)
    sides: tuple[Any, ...] = DIMENSIONS if dynamic else size
    graph.input.append(helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, [1, *sides, 3]))
    for name in OUTPUTS:
        if name in results:
            graph.output.append(helper.make_tensor_value_info(name, TYPES[name], [1, *sides]))
    drop_unused(graph)
    model.ir_version = max(model.ir_version, OLDEST_IR)
    return model


class Sizes:
    """Shapes in terms of the network's height and width, which a graph may learn from its image only.

    Args:
        nodes: to add to.
        size: (H, W).
        dynamic: whether the image says it.
    """

    def __init__(self, nodes: Nodes, size: tuple[int, int], dynamic: bool):
        self.size = size
        self._nodes = nodes
        self._known = ''
        if dynamic:
            shape = nodes.add('Shape', [IMAGE])
            self._known = nodes.add('Gather', [shape, nodes.constant([1, 2], np.int64)], axis=0)

    def of(self, *parts: int | str) -> str:
        """Return the name of an int64 shape of numbers, and of height and width where 'size' stands."""
        if not self._known:
            flat = [side for part in parts for side in (self.size if isinstance(part, str) else (part,))]
            return self._nodes.constant(flat, np.int64)
        named = [self._known if isinstance(part, str) else self._nodes.constant([part], np.int64) for part in parts]
        return self._nodes.add('Concat', named, axis=0)


def _prepare(nodes: Nodes, network: ForeignNetwork, source: str) -> None:
    """Add what makes of ``image`` the network's input ``source``."""
    takes, pixels = network.takes, network.pixels
    value = nodes.add('Cast', [IMAGE], to=TensorProto.FLOAT)  # accelerators can do nothing else with bytes
    if pixels.order != 'rgb':
        value = nodes.add('Gather', [value, nodes.constant(ORDERS[pixels.order], np.int64)], axis=3)
    if not pixels.leaves_bytes:
        # (image * white / 255 - mean) / std in two operations
        mean, std = np.array(pixels.mean), np.array(pixels.std)
        value = nodes.add('Sub', [value, nodes.constant(255 / pixels.white * mean)])
        value = nodes.add('Mul', [value, nodes.constant(pixels.white / 255 / std)])
    if takes.layout == 'nchw':
        value = nodes.add('Transpose', [value], perm=[0, 3, 1, 2])
    nodes.add('Cast', [value], source, to=takes.kind)


def _decided(nodes: Nodes, value: str, reading: Reading, sizes: Sizes, classes: int) -> tuple[str, str]:
    """Add what makes labels and confidence of logits or probabilities; return both names.

    One ArgMax, classes last: so famda compare finds what the labels are the largest of.
    """
    value = nodes.add('Cast', [value], to=TensorProto.FLOAT)
    if reading.axis == 1:
        value = nodes.add('Transpose', [value], perm=[0, 2, 3, 1])
    if reading.size != sizes.size:
        value = nodes.resize(value, sizes.of(1, 'size', classes), mode='linear')
    if reading.kind == PROBABILITIES:
        value = nodes.add('Log', [nodes.add('Max', [value, nodes.constant(LEAST_PROBABILITY)])])
    ids = nodes.add('ArgMax', [value], axis=3, keepdims=1)
    chance = nodes.add('GatherElements', [nodes.add('Softmax', [value], axis=3), ids], axis=3)
    levels = nodes.add('Round', [nodes.add('Mul', [chance, nodes.constant(255)])])
    return tuple(nodes.add('Cast', [found], to=TensorProto.UINT8) for found in (ids, levels))  # type: ignore[return-value]


def _labels(nodes: Nodes, value: str, reading: Reading, sizes: Sizes, classes: int) -> str:
    """Add what makes uint8 ids of ids of any kind; those that are no class become 255."""
    plane = _plane(nodes, value, reading)
    if reading.size != sizes.size:
        plane = nodes.resize(plane, sizes.of(1, 1, 'size'), mode='nearest', nearest_mode='round_prefer_ceil')
    none = [nodes.constant(0), nodes.constant(classes - 0.5)]
    outside = nodes.add('Or', [nodes.add('Less', [plane, none[0]]), nodes.add('Greater', [plane, none[1]])])
    ids = nodes.add('Where', [outside, nodes.constant(IGNORE), plane])
    return nodes.add('Cast', [ids], to=TensorProto.UINT8)


def _depth(nodes: Nodes, value: str, reading: Reading, sizes: Sizes, depth_range_m: tuple[float, float]) -> str:
    """Add what makes float32 metres within a range."""
    plane = _plane(nodes, value, reading)
    if reading.size != sizes.size:
        plane = nodes.resize(plane, sizes.of(1, 1, 'size'), mode='linear')
    return nodes.add('Clip', [plane, *map(nodes.constant, depth_range_m)])


def _plane(nodes: Nodes, value: str, reading: Reading) -> str:
    """Return the name of float32 [1, 1, h, w]."""
    value = nodes.add('Cast', [value], to=TensorProto.FLOAT)
    if reading.axis == 3:
        return nodes.add('Transpose', [value], perm=[0, 3, 1, 2])
    if reading.axis is None:
        shape = nodes.add('Concat', [nodes.constant([1], np.int64), nodes.add('Shape', [value])], axis=0)
        return nodes.add('Reshape', [value, shape])
    return value


def rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    """Give values of a graph, and of the graphs in its nodes, other names; changes ``graph``."""
    for part in _graphs(graph):
        for value in (*part.input, *part.output, *part.initializer):
            value.name = names.get(value.name, value.name)
        for node in part.node:
            node.input[:] = [names.get(name, name) for name in node.input]
            node.output[:] = [names.get(name, name) for name in node.output]


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yield a graph and all that are in its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField('g') else []), *attribute.graphs):
                yield from _graphs(inner)
