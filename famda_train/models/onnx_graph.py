# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What every change of an ONNX graph ends with."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import onnx


def drop_unused(graph: onnx.GraphProto) -> None:
    """Remove what the outputs do not depend on: nodes, initializers and inputs; changes ``graph``.

    Args:
        graph: with its nodes in the order of computation, as ONNX demands.
    """
    needed = {output.name for output in graph.output}
    for index in reversed(range(len(graph.node))):
        node = graph.node[index]
        if needed.intersection(node.output):
            needed.update(_reads(node))
        else:
            del graph.node[index]
    _keep(graph.initializer, lambda tensor: tensor.name in needed)
    _keep(graph.input, lambda value: value.name in needed)


def _reads(node: onnx.NodeProto) -> Iterator[str]:
    """Yield the names that a node reads, also those that its subgraphs take from outside."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (*([attribute.g] if attribute.HasField('g') else []), *attribute.graphs):
            for inner in graph.node:
                yield from _reads(inner)


def _keep(field: Any, wanted: Callable[[Any], bool]) -> None:
    for index in reversed(range(len(field))):
        if not wanted(field[index]):
            del field[index]
