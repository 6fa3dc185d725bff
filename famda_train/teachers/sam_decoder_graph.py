# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Mask decoders exported by segment-anything's export_onnx_model.py, opened up for many points at a time.

The exporter fixes three things that automatic masks have no use for: it takes one set of points
per call, it repeats the image's features for every set, and it may return only the best of the
masks of a point.  All three are undone on the graph in memory; no weight is touched.

* The repetition becomes broadcasting, so that what does not depend on the points (30 % of the
  decoder's transformer) is computed once per call.
* All masks of a point are returned, which cost nothing more: the decoder computes them anyway.
* Resizing to the image is left out; it is cheaper outside, for the part of the masks that is kept.
"""
from __future__ import annotations

from collections.abc import Iterator

import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from famda_ros.errors import FamdaError
from famda_train.models.onnx_graph import drop_unused

INPUTS = ('image_embeddings', 'point_coords', 'point_labels', 'mask_input', 'has_mask_input')
OUTPUTS = ('low_res_masks', 'iou_predictions')


def open_decoder(model: ModelProto, name: str) -> ModelProto:
    """Return a decoder that takes N point sets and returns all their masks.

    Args:
        model: decoder that segment-anything exported; changed in place.
        name: name of the file, for messages.

    Returns:
        A graph with the inputs of `INPUTS` (point_coords [N, P, 2], point_labels [N, P]) and the outputs
        (logits [N, M, h, w], predicted IoU [N, M]).

    Raises:
        FamdaError: this is no decoder of that exporter.
    """
    graph = model.graph
    if not {*OUTPUTS} <= {output.name for output in graph.output} or not {*INPUTS} <= {i.name for i in graph.input}:
        raise FamdaError(
            f"'{name}' is no mask decoder exported by segment-anything: it needs the inputs {', '.join(INPUTS)} "
            f'and the outputs {", ".join(OUTPUTS)}'
        )
    outputs = [_before_the_choice(graph, output) for output in OUTPUTS]
    _broadcast_instead_of_repeating(graph, name)
    for value in graph.input:
        if value.name in ('point_coords', 'point_labels'):
            value.type.tensor_type.shape.dim[0].dim_param = 'prompts'
    del graph.value_info[:]  # shapes of before
    del graph.output[:]
    graph.output.extend(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs)
    drop_unused(graph)
    return model


def _producers(graph) -> dict[str, NodeProto]:
    return {output: node for node in graph.node for output in node.output}


def _before_the_choice(graph, output: str) -> str:
    """Return the tensor of all masks (or of all scores) from which an output is the best one; else the output."""
    producers, tensor = _producers(graph), output
    while (node := producers.get(tensor)) is not None and node.op_type in ('Unsqueeze', 'Reshape', 'Gather', 'Flatten'):
        if node.op_type == 'Flatten':
            return node.input[0]
        tensor = node.input[0]
    return output


def _broadcast_instead_of_repeating(graph, name: str) -> None:
    """Use the image's features and their positions as they are, in place of N copies."""
    producers = _producers(graph)
    copies: dict[str, str] = {}
    tokens = ''
    for tile in [node for node in graph.node if node.op_type == 'Tile']:
        wrapped = producers.get(tile.input[0])
        reshapes = [node for node in graph.node if node.op_type == 'Reshape' and node.input[0] == tile.output[0]]
        if wrapped is not None and wrapped.op_type == 'Unsqueeze' and reshapes:
            copies[reshapes[0].output[0]] = wrapped.input[0]
            tokens = tokens or _whose_first_dimension(producers, tile.input[1])
    if not copies or not tokens:
        raise FamdaError(f"'{name}' is no mask decoder exported by segment-anything: it does not repeat the features")
    _ask_for_the_batch_size_of(graph, tokens, copies)
    for node in graph.node:
        for place, tensor in enumerate(node.input):
            node.input[place] = copies.get(tensor, tensor)


def _whose_first_dimension(producers: dict[str, NodeProto], repeats: str) -> str:
    """Return the tensor whose size says how often to repeat; '' = none is found."""
    for node in _ancestors(producers, repeats):
        shape = producers.get(node.input[0]) if node.op_type == 'Gather' else None
        if shape is not None and shape.op_type == 'Shape':
            return shape.input[0]
    return ''


def _ask_for_the_batch_size_of(graph, tokens: str, copies: dict[str, str]) -> None:
    """Let whoever asks the repeated features for their first dimension ask the tokens, which there are N of."""
    producers = _producers(graph)
    sums = [node for node in graph.node if node.op_type == 'Add' and {*node.input} & {*copies}]
    repeated = {output for node in sums for output in node.output}
    constants = {node.output[0]: node for node in graph.node if node.op_type == 'Constant'}
    initial = {value.name: value for value in graph.initializer}
    for node in [node for node in graph.node if node.op_type == 'Gather']:
        shape = producers.get(node.input[0])
        if shape is None or shape.op_type != 'Shape' or shape.input[0] not in repeated:
            continue
        if _integer(node.input[1], constants, initial) == 0:
            own = helper.make_node('Shape', [tokens], [f'{node.output[0]}_prompts'])
            graph.node.insert(list(graph.node).index(node), own)
            node.input[0] = own.output[0]


def _integer(tensor: str, constants: dict[str, NodeProto], initial: dict[str, TensorProto]) -> int | None:
    value = initial.get(tensor)
    if tensor in constants:
        value = next((attribute.t for attribute in constants[tensor].attribute if attribute.name == 'value'), None)
    return None if value is None else int(numpy_helper.to_array(value).reshape(-1)[0])


def _ancestors(producers: dict[str, NodeProto], tensor: str) -> Iterator[NodeProto]:
    """Yield the nodes that a tensor depends on, nearest first; each once."""
    queue, seen = [tensor], set()
    while queue:
        node = producers.get(queue.pop(0))
        if node is not None and node.output[0] not in seen:
            seen.add(node.output[0])
            yield node
            queue += list(node.input)
