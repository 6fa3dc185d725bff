# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Networks made elsewhere become students that give what the networks give."""
from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from foreign_networks import HEIGHT, SPACE, WIDTH, foreign, photographs
from onnx import TensorProto
from torch import nn

from famda_ros.errors import FamdaError
from famda_ros.student.label_space import IGNORE
from famda_ros.student.model_card import read_card
from famda_ros.student.parity import PROBES_KEY, decode_probes
from famda_ros.student.runtime import Student
from famda_train.adapt.compare_students import RawStudent
from famda_train.export import wrap_student as module
from famda_train.export.foreign_network import Normalisation
from famda_train.export.wrap_student import Wanted, precision_of, wrap_student

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PIXELS = Normalisation(MEAN, STD)
RANGE = (0.5, 80.0)


def wrap(tmp_path, model, images=None, **wanted):
    values = {'space': SPACE, 'pixels': PIXELS, 'outputs': {}, **wanted}
    wrapped = wrap_student(model, tmp_path / 'student.onnx', images or photographs(), Wanted(**values))
    return Student(tmp_path / 'student.onnx', threads=1), wrapped


def session_of(model):
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])


class Elsewhere(nn.Module):
    """As another project might export it: NHWC, BGR of 0..255, logits at a quarter of the size, and metres."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.body = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 16, 3, 2, 1), nn.ReLU())
        self.classes, self.metres = nn.Conv2d(16, len(SPACE), 1), nn.Conv2d(16, 1, 1)
        for layer in (*self.body[::2], self.classes, self.metres):
            nn.init.normal_(layer.weight, 0, layer.in_channels**-0.5)
            nn.init.zeros_(layer.bias)

    def forward(self, pixels):
        features = self.body((pixels.permute(0, 3, 1, 2) - 110) / 60)
        return self.classes(features), 5 * nn.functional.softplus(self.metres(features))


def test_a_torch_network_pixel_for_pixel(tmp_path):
    """What the file gives is what the network itself gives, upsampled as torch upsamples it."""
    network = Elsewhere().eval()
    high, wide = 4 * torch.export.Dim('high', min=2), 4 * torch.export.Dim('wide', min=2)
    torch.onnx.export(
        network, (torch.zeros(1, HEIGHT, WIDTH, 3),), tmp_path / 'net.onnx', input_names=['bgr'],
        output_names=['seg', 'metric'], dynamo=True, external_data=False, verbose=False,
        dynamic_shapes={'pixels': {1: high, 2: wide}},
    )  # fmt: skip
    model = onnx.load(tmp_path / 'net.onnx')
    student, wrapped = wrap(
        tmp_path, model, pixels=Normalisation((0, 0, 0), (1, 1, 1), 255, 'bgr'), size=(WIDTH, HEIGHT), stride=4,
        outputs={'seg': 'logits', 'metric': 'depth'}, focal=80.0, depth_range_m=RANGE,
    )  # fmt: skip
    assert wrapped.agreement.labels > 0.999 and wrapped.agreement.depth < 1e-4 and wrapped.agreement.frames == 3
    assert student.card.outputs == ('labels', 'confidence', 'depth') and student.card.stride == 4
    for height, width in ((HEIGHT, WIDTH), (80, 80)):
        (image,) = photographs(1, height, width)
        feed = {'bgr': image[None, ..., ::-1].astype(np.float32)}
        logits, metric = (torch.from_numpy(array) for array in session_of(model).run(['seg', 'metric'], feed))
        size = {'size': (height, width), 'mode': 'bilinear', 'align_corners': False}
        large = nn.functional.interpolate(logits, **size)[0]
        metres = nn.functional.interpolate(metric, **size)[0, 0].numpy()
        best, second = large.topk(2, 0).values
        sure = ((best - second) > 1e-3).numpy()  # else the last digit decides
        found = student.run(image)
        assert sure.mean() > 0.99 and len(np.unique(found['labels'])) > 2
        np.testing.assert_array_equal(found['labels'][sure], large.argmax(0).numpy()[sure])
        assert np.abs(found['confidence'] - 255 * large.softmax(0).amax(0).numpy()).max() <= 0.51
        np.testing.assert_allclose(found['depth'], metres.clip(*RANGE), rtol=1e-4)


def reference(model, gives, image, layout='nchw', channels=(0, 1, 2), white=1.0):
    """Return the outputs of the network for an image of its size, by plain NumPy."""
    values = (image[..., channels] * (white / 255) - np.array(MEAN) * white) / (np.array(STD) * white)
    values = values.astype(np.float32)[None]
    feed = values if layout == 'nhwc' else values.transpose(0, 3, 1, 2)
    return dict(zip(gives, session_of(model).run(list(gives), {'input': feed}), strict=True))


@pytest.mark.parametrize('opset', [11, 12, 13, 17, 18, 21])
@pytest.mark.parametrize(('layout', 'order', 'white'), [('nchw', 'rgb', 1.0), ('nhwc', 'bgr', 255.0)])
def test_inputs_and_opsets(tmp_path, opset, layout, order, white):
    model = foreign({'out': 'logits'}, layout, opset=opset)
    mean, std = (tuple(white * value for value in values) for values in (MEAN, STD))
    student, wrapped = wrap(tmp_path, model, pixels=Normalisation(mean, std, white, order))
    card = student.card
    assert (card.network_width, card.network_height, card.stride) == (WIDTH, HEIGHT, 0)
    assert card.outputs == ('labels', 'confidence') and card.focal is None and card.label_space == SPACE
    assert wrapped.agreement.labels > 0.999 and wrapped.agreement.confidence < 0.002
    (image,) = photographs(1, HEIGHT, WIDTH)
    channels = (2, 1, 0) if order == 'bgr' else (0, 1, 2)
    logits = reference(model, ['out'], image, layout, channels, white)['out'][0]
    large = np.stack([cv2.resize(plane, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR) for plane in logits])
    best = np.sort(large, 0)
    sure = best[-1] - best[-2] > 1e-3
    assert sure.mean() > 0.98
    np.testing.assert_array_equal(student.run(image)['labels'][sure], large.argmax(0)[sure])


@pytest.mark.parametrize('stride', [1, 4])
@pytest.mark.parametrize('kind', ['ids', 'ids without channel', 'float ids'])
def test_labels_that_the_network_decides(tmp_path, kind, stride):
    model = foreign({'out': kind}, stride=stride)
    student, _ = wrap(tmp_path, model, outputs={'out': 'labels'})
    assert student.card.outputs == ('labels',)
    (image,) = photographs(1, HEIGHT, WIDTH)
    ids = reference(model, ['out'], image)['out'].reshape(HEIGHT // stride, WIDTH // stride).astype(np.uint8)
    wanted = np.kron(ids, np.ones((stride, stride), np.uint8))
    assert len(np.unique(ids)) > 2
    np.testing.assert_array_equal(student.run(image)['labels'], wanted)


@pytest.mark.parametrize(('kind', 'said'), [('logits last', 'logits'), ('probabilities', 'probabilities')])
@pytest.mark.parametrize('stride', [1, 2])
def test_other_forms_of_scores(tmp_path, kind, said, stride):
    model = foreign({'out': kind}, stride=stride)
    student, wrapped = wrap(tmp_path, model, outputs={'out': said})
    assert wrapped.agreement.labels > 0.999 and wrapped.agreement.confidence < 0.002
    (image,) = photographs(1, HEIGHT, WIDTH)
    found = student.run(image)
    if stride == 1:  # confidence is the probability that the network gives, whichever form it has
        scores = reference(model, ['out'], image)['out'][0]
        planes = scores if kind == 'probabilities' else scores.transpose(2, 0, 1)
        chance = planes if kind == 'probabilities' else np.exp(planes) / np.exp(planes).sum(0)
        assert np.abs(found['confidence'] - 255 * chance.max(0)).max() <= 0.51
    assert RawStudent(tmp_path / 'student.onnx').predict(image, None).logits.shape == (HEIGHT, WIDTH, len(SPACE))


@pytest.mark.parametrize('kind', ['depth', 'depth without channel', 'depth last'])
def test_metres(tmp_path, kind):
    """They are those of the network within the range, and follow the camera's focal length where they have one."""
    model = foreign({'seg': 'logits', 'far': kind}, stride=1)
    wanted = {'outputs': {'seg': 'logits', 'far': 'depth'}, 'depth_range_m': (1.0, 30.0)}
    student, _ = wrap(tmp_path, model, focal=50.0, **wanted)
    (image,) = photographs(1, HEIGHT, WIDTH)
    metres = reference(model, ['far'], image)['far'].reshape(HEIGHT, WIDTH)
    assert (metres > 30).any() and (metres < 30).mean() > 0.3
    near = metres < 30
    np.testing.assert_allclose(student.run(image)['depth'], metres.clip(1, 30), rtol=1e-5)
    assert np.isposinf(student.predict(image, 100.0).depth[~near]).all()
    np.testing.assert_allclose(student.predict(image, 100.0).depth[near], 2 * metres[near].clip(1), rtol=1e-5)
    student, _ = wrap(tmp_path, model, focal=None, **wanted)
    np.testing.assert_allclose(student.predict(image, 100.0).depth[near], metres[near].clip(1), rtol=1e-5)


def test_a_network_that_takes_bytes_and_one_of_half_precision(tmp_path):
    bytes_ = foreign({'out': 'logits'}, 'nhwc', takes=TensorProto.UINT8)
    as_they_are = Normalisation((0, 0, 0), (1, 1, 1), 255)
    assert wrap(tmp_path, bytes_, pixels=as_they_are)[1].agreement.labels > 0.999
    with pytest.raises(FamdaError, match="takes bytes as they are: give --mean 0 --std 1 --white 255"):
        wrap(tmp_path, bytes_)
    half = foreign({'out': 'logits'}, takes=TensorProto.FLOAT16)
    assert wrap(tmp_path, half)[1].agreement.labels > 0.999


def test_the_file_explains_itself(tmp_path):
    student, wrapped = wrap(
        tmp_path, foreign({'out': 'logits'}, batch='batch'), name='shelves', domain='hall', licence='MIT'
    )
    card = read_card(tmp_path / 'student.onnx')
    assert card == wrapped.card == student.card
    assert (card.name, card.domain, card.licence, card.precision) == ('shelves', 'hall', 'MIT', 'fp32')
    assert card.label_space.classes == SPACE.classes and len(card.weights_sha256) == 64
    assert card.provenance['pixels'] == {'mean': list(MEAN), 'std': list(STD), 'white': 1.0, 'order': 'rgb'}
    model = onnx.load(tmp_path / 'student.onnx')
    (probes,) = (entry.value for entry in model.metadata_props if entry.key == PROBES_KEY)
    assert [frame.shape for frame in decode_probes(probes)] == [(HEIGHT, WIDTH, 3)] * 2
    assert [value.name for value in model.graph.input] == ['image']


def test_outputs_that_nobody_asked_for_are_left_out(tmp_path):
    """The weights that only they need as well."""
    wrap(tmp_path, foreign({'seg': 'logits', 'far': 'depth'}), outputs={'seg': 'logits'})
    left = {tensor.name for tensor in onnx.load(tmp_path / 'student.onnx').graph.initializer}
    assert 'k2' in left and 'k3' not in left


def test_ids_that_are_no_class_are_unlabelled_on_the_robot(tmp_path):
    model = foreign({'out': 'ids'})
    student, _ = wrap(tmp_path, model, outputs={'out': 'labels'})
    (image,) = photographs(1, HEIGHT, WIDTH)
    assert student.run(image)['labels'].max() < len(SPACE)
    # As of a network with ids that no frame has shown: the same file with larger ones.
    graph = onnx.load(tmp_path / 'student.onnx')
    (node,) = (node for node in graph.graph.node if 'out' in node.output)
    node.output[0] = 'fewer'
    graph.graph.initializer.append(onnx.numpy_helper.from_array(np.array(300), 'more'))
    place = list(graph.graph.node).index(node)
    graph.graph.node.insert(place + 1, onnx.helper.make_node('Add', ['fewer', 'more'], ['out']))
    onnx.save(graph, tmp_path / 'more.onnx')
    assert (Student(tmp_path / 'more.onnx', threads=1).run(image)['labels'] == IGNORE).all()



@pytest.mark.parametrize(
    ('network', 'wanted', 'sentence'),
    [
        ({'gives': {'out': 'logits'}, 'classes': 7}, {},
         r"no output can be labels or logits of the 5 classes of warehouse5; say what is what"),
        ({'gives': {'out': 'logits'}, 'classes': 7}, {'outputs': {'out': 'logits'}},
         r"'out' has the shape \[1, 7, 16, 24\], in which nothing counts the 5 classes of warehouse5; give the label"),
        ({'gives': {'out': 'ids'}, 'classes': 7}, {'outputs': {'out': 'labels'}},
         r"'out' has the label [56], and warehouse5 has 5 classes"),
        ({'gives': {'a': 'logits', 'b': 'ids'}}, {}, 'more than one output can be labels or logits'),
        ({'gives': {'out': 'logits'}}, {'outputs': {'logits': 'logits'}}, "no output 'logits'; it gives 'out' float32"),
        ({'gives': {'out': 'logits'}}, {'outputs': {'out': 'mask'}}, "unknown kind of output 'mask'"),
        ({'gives': {'out': 'logits'}}, {'outputs': {'out': 'labels'}}, 'labels are .1, height, width., with'),
        ({'gives': {'a': 'logits', 'b': 'ids'}}, {'outputs': {'a': 'logits', 'b': 'labels'}}, 'one output must be'),
        ({'gives': {'out': 'depth'}}, {'outputs': {'out': 'depth'}}, 'one output must be labels, logits or'),
        ({'gives': {'out': 'probabilities'}}, {}, 'is probabilities: they add up to 1; say --output out=probabilities'),
        ({'gives': {'out': 'logits'}}, {'outputs': {'out': 'probabilities'}}, 'is no probabilities: .* out=logits'),
        ({'gives': {'a': 'depth', 'b': 'logits'}}, {'outputs': {'a': 'labels'}}, 'its numbers are not whole'),
        ({'gives': {'a': 'depth', 'b': 'logits'}}, {'outputs': {'a': 'depth', 'b': 'logits'}}, 'needs --depth-range'),
        ({'gives': {'out': 'logits'}}, {'focal': 90.0}, '--depth-range and --focal are for depth'),
        ({'gives': {'out': 'logits'}, 'size': None}, {}, 'is dynamic; say at which it was trained: --size'),
        ({'gives': {'out': 'logits'}, 'size': None}, {'size': (90, 60)}, '90x60 must be a multiple of --stride 32'),
        ({'gives': {'out': 'logits'}}, {'size': (192, 128)}, 'has the one size 96x64; leave --size out'),
        ({'gives': {'out': 'logits'}}, {'layout': 'nhwc'}, 'not nhwc with three channels; say the other --layout'),
        ({'gives': {'out': 'logits'}, 'size': (HEIGHT, 3), 'layout': 'nchw'}, {}, 'layout cannot be told; say'),
        ({'gives': {'out': 'logits'}, 'batch': 4}, {}, r'has the shape \[4, 3, 64, 96\] instead of one image'),
        ({'gives': {'out': 'logits'}, 'takes': TensorProto.INT32}, {}, 'takes int32; an image is float32'),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(tmp_path, network, wanted, sentence):
    with pytest.raises(FamdaError, match=sentence):
        wrap(tmp_path, foreign(**network), **wanted)
    assert not list(tmp_path.glob('*.onnx'))


def test_a_file_that_differs_is_not_written(tmp_path, monkeypatch):
    """As by a fault of the graph: here by bytes that are given to it in another order."""
    real = module.wrapped_graph

    def swapped(network, *arguments):
        other = replace(network.pixels, order='bgr')
        before, network.pixels = network.pixels, other
        graph = real(network, *arguments)
        network.pixels = before
        return graph

    monkeypatch.setattr(module, 'wrapped_graph', swapped)
    with pytest.raises(FamdaError, match=r'differs from the network: .* of the labels agree .* nothing was written'):
        wrap(tmp_path, foreign({'out': 'logits'}))
    assert not list(tmp_path.glob('*.onnx'))


def test_a_dynamic_network_that_runs_at_one_size_alone(tmp_path):
    """As an export leaves it in which one shape was kept by mistake."""
    model = foreign({'out': 'logits'}, size=None)
    shape = onnx.numpy_helper.from_array(np.array([1, len(SPACE), HEIGHT // 4, WIDTH // 4]), 'kept')
    model.graph.initializer.append(shape)
    (node,) = (node for node in model.graph.node if 'out' in node.output)
    node.op_type = 'Reshape'
    node.input.append('kept')
    images = photographs(2, HEIGHT, WIDTH)
    with pytest.raises(FamdaError, match=r'does not run on an image of .* give the --size and'):
        wrap(tmp_path, model, images, size=(WIDTH, HEIGHT), stride=4)
    assert not list(tmp_path.glob('*.onnx'))
    assert wrap(tmp_path, model, images, size=(WIDTH, HEIGHT), stride=0)[0].card.stride == 0


def test_no_frames(tmp_path):
    with pytest.raises(FamdaError, match='at least one frame'):
        wrap_student(foreign({'out': 'logits'}), tmp_path / 's.onnx', [], Wanted(SPACE, PIXELS, {}))


def test_precision_is_that_of_the_operators():
    model = foreign({'out': 'logits'})
    assert precision_of(model) == 'fp32'
    half = foreign({'out': 'logits'})
    for tensor in half.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            array = onnx.numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    assert precision_of(half) == 'fp16'
    model.graph.node[0].op_type = 'QLinearConv'
    assert precision_of(model) == 'int8'
