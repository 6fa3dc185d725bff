# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A student so small that its answers can be calculated by hand.

* labels: 1 where the red channel is over 127, else 0
* confidence: the green channel
* depth: blue / 2 metres (0..127.5), so blue >= 160 is beyond the range of 80 m
"""

from __future__ import annotations

import functools
import math
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from famda_ros.student.label_space import LabelSpace
from famda_ros.student.model_card import METADATA_KEY, ModelCard
from famda_ros.student.parity import PROBES_KEY, encode_probes
from famda_ros.student.providers import PROVIDERS, session_options

TINY_SPACE = LabelSpace('tiny2', ('dark', 'red'), ((10, 20, 30), (200, 0, 0)))
WIDTH, HEIGHT, FOCAL, FARTHEST = 64, 48, 100.0, 80.0


def tiny_card(**changes) -> ModelCard:
    """Return a valid card; keyword arguments replace values."""
    values = {
        'name': 'tiny',
        'label_space': TINY_SPACE,
        'network_width': WIDTH,
        'network_height': HEIGHT,
        'focal': FOCAL,
        'depth_range_m': (0.5, FARTHEST),
        'domain': 'test',
        'licence': 'Apache-2.0',
        'weights_sha256': '0' * 64,
    }
    return ModelCard(**{**values, **changes})


def tiny_masks_card(**changes) -> ModelCard:
    """Return the card of a student that gives labels alone."""
    return tiny_card(**{'outputs': ('labels',), 'focal': None, 'depth_range_m': None, **changes})


def tiny_onnx(
    card: ModelCard | None = None,
    dynamic: bool = False,
    metadata: str | None = None,
    depth_scale: float = 0.5,
    depth_offset: float = 0.0,
    drop_output: str | None = None,
    work: int = 0,
    swap_labels: bool = False,
    load_work: int = 0,
    probes: list[np.ndarray] | None = None,
    channels: int = 0,
) -> onnx.ModelProto:
    """Return the model; ``metadata`` replaces the card's text ('' = no card).

    ``probes`` are frames to compare providers with.  ``work`` adds that many useless functions
    of every pixel, to make the model slow (see :func:`work_that_takes`); with ``swap_labels`` red is 0 and dark is 1.
    ``load_work`` makes it slow to load: a product of two matrices of that size, which ONNX
    Runtime calculates once and for all.  ``channels`` adds two useless convolutions, to have the
    weights (about 36 bytes times its square) and the memory of a real model.
    """
    card = card or tiny_card()
    size = ['height', 'width'] if dynamic else [card.network_height, card.network_width]
    nodes = [
        helper.make_node('Split', ['image'], ['r4', 'g4', 'b4'], axis=3, num_outputs=3),
        helper.make_node('Squeeze', ['r4', 'axis3'], ['r']),
        helper.make_node('Squeeze', ['g4', 'axis3'], ['confidence']),
        helper.make_node('Squeeze', ['b4', 'axis3'], ['b']),
        helper.make_node('Cast', ['r'], ['red'], to=TensorProto.INT32),  # ONNX Runtime 1.20 compares no bytes
        helper.make_node('LessOrEqual' if swap_labels else 'Greater', ['red', 'half'], ['is_red']),
        helper.make_node('Cast', ['is_red'], ['labels'], to=TensorProto.UINT8),
        helper.make_node('Cast', ['b'], ['blue'], to=TensorProto.FLOAT),
        helper.make_node('Mul', ['blue', 'scale'], ['scaled']),
        helper.make_node('Add', ['scaled', 'offset'], ['depth0']),
    ]
    for i in range(work):
        nodes.append(helper.make_node('Asinh', [f'depth{i}' if i == 0 else f'busy{i}'], [f'busy{i + 1}']))
    if work:  # depth0 + 0 * busy
        nodes += [
            helper.make_node('Mul', [f'busy{work}', 'zero'], ['nothing']),
            helper.make_node('Add', ['depth0', 'nothing'], ['depth']),
        ]
    else:
        nodes.append(helper.make_node('Identity', ['depth0'], ['depth']))
    constants = []
    if channels:  # depth + 0 * (mean of all features)
        rng = np.random.default_rng(channels)
        constants += [
            numpy_helper.from_array(rng.normal(size=(channels, 3, 3, 3)).astype(np.float32), 'kernel1'),
            numpy_helper.from_array(rng.normal(size=(channels, channels, 3, 3)).astype(np.float32), 'kernel2'),
        ]
        nodes[-1].output[0] = 'depth_bare'
        nodes += [
            helper.make_node('Cast', ['image'], ['colors'], to=TensorProto.FLOAT),
            helper.make_node('Transpose', ['colors'], ['planes'], perm=[0, 3, 1, 2]),
            helper.make_node('Conv', ['planes', 'kernel1'], ['features1'], strides=[4, 4]),
            helper.make_node('Conv', ['features1', 'kernel2'], ['features2']),
            helper.make_node('ReduceMean', ['features2'], ['mean'], keepdims=0),
            helper.make_node('Mul', ['mean', 'zero'], ['no_mean']),
            helper.make_node('Add', ['depth_bare', 'no_mean'], ['depth']),
        ]
    if load_work:  # depth + 0 * (sum of the product)
        constants.append(numpy_helper.from_array(np.ones((load_work, load_work), np.float32), 'matrix'))
        nodes[-1].output[0] = 'depth_without'
        nodes += [
            helper.make_node('MatMul', ['matrix', 'matrix'], ['product']),
            helper.make_node('ReduceSum', ['product'], ['sum'], keepdims=0),
            helper.make_node('Mul', ['sum', 'zero'], ['no_sum']),
            helper.make_node('Add', ['depth_without', 'no_sum'], ['depth']),
        ]
    outputs = [
        helper.make_tensor_value_info('labels', TensorProto.UINT8, [1, *size]),
        helper.make_tensor_value_info('confidence', TensorProto.UINT8, [1, *size]),
        helper.make_tensor_value_info('depth', TensorProto.FLOAT, [1, *size]),
    ]
    graph = helper.make_graph(
        nodes,
        'tiny',
        [helper.make_tensor_value_info('image', TensorProto.UINT8, [1, *size, 3])],
        [o for o in outputs if o.name != drop_output and card.gives(o.name)],
        [
            *constants,
            numpy_helper.from_array(np.array([3]), 'axis3'),
            numpy_helper.from_array(np.array(127, np.int32), 'half'),
            numpy_helper.from_array(np.array(depth_scale, np.float32), 'scale'),
            numpy_helper.from_array(np.array(depth_offset, np.float32), 'offset'),
            numpy_helper.from_array(np.array(0, np.float32), 'zero'),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=9)
    text = card.to_json() if metadata is None else metadata
    if text:
        about = {} if probes is None else {PROBES_KEY: encode_probes(probes)}
        helper.set_model_props(model, {METADATA_KEY: text, **about})
    return model


def save_tiny(path: str | Path, **options) -> str:
    """Write the model to ``path`` and return it as text; options as :func:`tiny_onnx`."""
    onnx.save(tiny_onnx(**options), str(path))
    return str(path)


def work_that_takes(milliseconds: float, card: ModelCard) -> int:
    """Return the ``work`` that takes at least so long on one thread of this machine."""
    return math.ceil(milliseconds / _work_ms(card.network_width, card.network_height))


@functools.cache
def _work_ms(width: int, height: int, work: int = 20) -> float:
    """Return what one unit of ``work`` takes of a processor at best, whatever else is running."""
    model = tiny_onnx(tiny_card(network_width=width, network_height=height), work=work)
    options, cpu = session_options(threads=1), [PROVIDERS['cpu']]
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=cpu)
    image, seconds = np.full((1, height, width, 3), 40, np.uint8), []
    for _ in range(3):
        start = time.thread_time()
        session.run(None, {'image': image})
        seconds.append(time.thread_time() - start)
    return 1e3 * min(seconds) / work


def expected(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, confidence and depth for an image of network size and the card's focal."""
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    depth = blue.astype(np.float32) * np.float32(0.5)
    depth[depth >= FARTHEST] = np.inf
    return (red > 127).astype(np.uint8), green.copy(), depth
