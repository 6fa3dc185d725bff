# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The graph around a network: names that both have, graphs within nodes, sizes that are not known before."""
from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from foreign_networks import HEIGHT, SPACE, WIDTH, foreign, photographs
from onnx import TensorProto, helper, numpy_helper

from famda_train.export.foreign_network import ForeignNetwork, Normalisation, image_input
from famda_train.export.wrapped_graph import rename, wrapped_graph

PIXELS = Normalisation((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))


def network_of(model, outputs, example):
    return ForeignNetwork(model, image_input(model), PIXELS, SPACE, outputs, example)


def run(graph, image):
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=['CPUExecutionProvider'])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, (array[0] for array in session.run(names, {'image': image[None]})), strict=True))


def with_branches(model):
    """Put the value 'labels', a name that students have, into both branches of a node."""
    graph = model.graph
    for node in graph.node:
        node.input[:] = ['chosen' if name == 'labels' else name for name in node.input]
    branches = {
        f'{name}_branch': helper.make_graph(
            [helper.make_node('Identity', ['labels'], [name])], name, [],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)],
        )
        for name in ('then', 'else')
    }  # fmt: skip
    place = next(place for place, node in enumerate(graph.node) if 'labels' in node.output)
    graph.node.insert(place + 1, helper.make_node('If', ['yes'], ['chosen'], **branches))
    graph.initializer.append(numpy_helper.from_array(np.array(True), 'yes'))
    onnx.checker.check_model(model)
    return model


@pytest.mark.parametrize('name', ['image', 'depth', 'confidence'])
def test_names_that_both_have(name):
    """Input, outputs and values between may be called what those of a student are called."""
    model = with_branches(foreign({'depth' if name != 'depth' else 'seg': 'logits'}, name=f'{name}_'))
    rename(model.graph, {'image': 'inner', f'{name}_': name})
    (image,) = photographs(1, HEIGHT, WIDTH)
    network = network_of(model, {}, image)
    found, own = run(wrapped_graph(network, (HEIGHT, WIDTH), False), image), network.run(image)
    assert list(found) == ['labels', 'confidence'] and len(np.unique(own['labels'])) > 2
    assert (found['labels'] == own['labels']).mean() > 0.999
    assert network.model.graph.input[0].name == name  # the network itself is not changed


@pytest.mark.parametrize('kind', ['labels', 'logits'])
def test_one_graph_serves_every_size(kind):
    model = foreign({'seg': 'ids' if kind == 'labels' else 'logits', 'far': 'depth'}, size=None)
    images = [photographs(1, height, width)[0] for height, width in ((HEIGHT, WIDTH), (80, 160), (176, 64))]
    network = network_of(model, {'seg': kind, 'far': 'depth'}, images[0])
    graph = wrapped_graph(network, (HEIGHT, WIDTH), True, (0.1, 1000.0))
    shape = graph.graph.input[0].type.tensor_type.shape
    assert [dimension.dim_param for dimension in shape.dim[1:3]] == ['height', 'width']
    for image in images:
        found, own = run(graph, image), network.run(image)
        assert found['labels'].dtype == np.uint8 and found['depth'].shape == image.shape[:2]
        assert (found['labels'] == own['labels']).mean() > 0.999
        np.testing.assert_allclose(found['depth'], own['depth'], rtol=1e-4)
