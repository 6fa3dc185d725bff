# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The teacher against torch, on a tiny exported model, for every entry of a description."""
import json
import shutil

import cv2
import numpy as np
import onnx
import pytest
import torch
import yaml
from torch import nn

from famda_ros.errors import FamdaError
from famda_train.teachers.depth_teachers import build_depth_teacher, read_depth
from famda_train.world import render


class TinyDepth(nn.Module):
    """Positive values at half the size of the input; the colours and their order matter."""

    def __init__(self, channels_last=False):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.Tanh(), nn.Conv2d(4, 1, 3, 1, 1), nn.Softplus())
        self.channels_last = channels_last

    def forward(self, image):
        if self.channels_last:
            image = image.permute(0, 3, 1, 2)
        return self.layers(image.to(torch.float32)) + 0.1


def export(path, channels_last=False, dtype=torch.float32, fixed=None, twice=False):
    """Write a TinyDepth as ONNX; ``twice`` gives it a second output of another shape."""
    network = TinyDepth(channels_last).eval()
    if twice:
        network = Twice(network)
    height, width = fixed or (32, 48)
    shape = (1, height, width, 3) if channels_last else (1, 3, height, width)
    axes = {1: 'h', 2: 'w'} if channels_last else {2: 'h', 3: 'w'}
    torch.onnx.export(
        network, (torch.zeros(shape).to(dtype),), str(path), input_names=['image'],
        output_names=['depth', 'features'][: 1 + twice], dynamic_axes=None if fixed else {'image': axes},
        opset_version=17, dynamo=False,
    )  # fmt: skip


class Twice(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, image):
        values = self.network(image)
        return values, torch.cat([values, values], 1)


@pytest.fixture(scope='module')
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp('onnx')
    export(folder / 'tiny.onnx')
    export(folder / 'nhwc.onnx', channels_last=True)
    export(folder / 'fixed.onnx', fixed=(40, 64))
    export(folder / 'bytes.onnx', dtype=torch.uint8)
    export(folder / 'half.onnx', dtype=torch.float16)
    export(folder / 'twice.onnx', twice=True)
    return folder


@pytest.fixture(scope='module')
def image():
    return render(7, 'day', 48, 32).image


def describe(models, **entries):
    """Write a description; return its path."""
    content = {'file': 'tiny.onnx', 'kind': 'depth', **entries}
    path = models / f'{abs(hash(json.dumps(content, sort_keys=True)))}.yaml'
    path.write_text(yaml.safe_dump(content))
    return str(path)


def build(models, settings=None, **entries):
    return build_depth_teacher('depth-onnx', {'description': describe(models, **entries), **(settings or {})})


@torch.inference_mode()
def by_torch(array, image):
    """Return what torch makes of a normalised [H, W, 3] array, at image size."""
    raw = TinyDepth().eval()(torch.from_numpy(np.ascontiguousarray(array, np.float32)).permute(2, 0, 1)[None])
    return cv2.resize(raw[0, 0].numpy(), (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)


def assert_same(teacher, image, expected):
    values = teacher(image)
    assert values.dtype == np.float32 and values.shape == image.shape[:2] and values.std() > 0.01 * values.mean()
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)


def test_defaults_feed_rgb_between_0_and_1(models, image):
    assert_same(build(models), image, by_torch(image / 255, image))


def test_normalisation_in_the_order_of_the_colours(models, image):
    mean, std = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]
    expected = by_torch((image / 255 - mean) / std, image)
    assert_same(build(models, input={'mean': mean, 'std': std}), image, expected)
    swapped = by_torch((image[..., ::-1] / 127.5 - mean) / std, image)
    assert_same(
        build(models, input={'colors': 'BGR', 'divide_by': 127.5, 'mean': mean, 'std': std}), image, swapped
    )
    assert np.abs(swapped - expected).max() > 1e-3


def test_layout(models, image):
    assert_same(build(models, file='nhwc.onnx', input={'layout': 'NHWC'}), image, by_torch(image / 255, image))


def test_types_of_the_input(models, image):
    assert_same(build(models, file='bytes.onnx'), image, by_torch(image, image))
    half = (image.astype(np.float32) / 255).astype(np.float16)
    assert_same(build(models, file='half.onnx'), image, by_torch(half, image))


@pytest.mark.parametrize(
    ('file', 'rule', 'size'),
    [
        ('fixed.onnx', {'width': 64, 'height': 40}, (64, 40)),
        ('tiny.onnx', {'short_side': 64}, (96, 64)),
        ('tiny.onnx', {'multiple_of': 14}, (42, 28)),
        ('tiny.onnx', {'short_side': 60, 'multiple_of': 14}, (84, 56)),
        ('tiny.onnx', {'short_side': 64, 'resize': 'bicubic'}, (96, 64)),
        ('tiny.onnx', {'short_side': 16, 'resize': 'area'}, (24, 16)),
    ],
)
def test_size_of_the_input(models, image, file, rule, size):
    how = {'bicubic': cv2.INTER_CUBIC, 'area': cv2.INTER_AREA}.get(rule.get('resize'), cv2.INTER_LINEAR)
    resized = cv2.resize(image, size, interpolation=how)
    assert_same(build(models, file=file, input=rule), image, by_torch(resized / 255, image))


@pytest.mark.parametrize('kind', ['depth', 'disparity'])
def test_scale_and_inverse(models, image, kind):
    raw_small = by_torch(image / 255, image)
    assert_same(build(models, kind=kind, output={'scale': 80.0}), image, 80 * raw_small)
    # One over the value is taken before it is enlarged.
    with torch.inference_mode():
        raw = TinyDepth().eval()(torch.from_numpy(np.float32(image / 255)).permute(2, 0, 1)[None])[0, 0].numpy()
    expected = cv2.resize(1 / (80 * raw), (48, 32), interpolation=cv2.INTER_LINEAR)
    teacher = build(models, kind=kind, output={'scale': 80.0, 'inverse': True})
    assert_same(teacher, image, expected)
    assert teacher.identity['kind'] == kind


def test_output_of_several_by_name(models, image):
    with pytest.raises(FamdaError, match=r'has several outputs; name one as output.name: depth, features'):
        build(models, file='twice.onnx')
    chosen = build(models, file='twice.onnx', output={'name': 'depth'}, input={'name': 'image'})
    assert_same(chosen, image, by_torch(image / 255, image))
    wrong = build(models, file='twice.onnx', output={'name': 'features'})
    with pytest.raises(FamdaError, match=r'has the shape \[1, 2, 16, 24\], which is no depth image'):
        wrong(image)


def test_metres_follow_the_focal_length(models, image):
    """An input of twice the image's size: 80 pixels there are 40 at image size."""
    typed = build(models, focal=80.0, input={'short_side': 64})
    plain = build(models, input={'short_side': 64})
    np.testing.assert_array_equal(typed(image), plain(image))
    np.testing.assert_array_equal(plain(image, 120.0), plain(image))
    np.testing.assert_allclose(typed(image, 120.0), 3 * plain(image), rtol=1e-5)


def test_what_is_not_positive_is_unknown_metres(models, image, monkeypatch):
    teacher = build(models, output={'scale': 2.0})
    session = teacher._session

    class Below:
        def run(self, names, inputs):
            (raw,) = session.run(names, inputs)
            return [raw - np.median(raw)]

    teacher._session = Below()
    values = teacher(image)
    assert np.isnan(values).any() and (values[np.isfinite(values)] > 0).all()


def test_reliability(models, image):
    plain = build(models)(image)
    values, reliability = read_depth(build(models, {'reliability': 'both'}), image)
    np.testing.assert_array_equal(values, plain)
    assert reliability.shape == plain.shape and 0 <= reliability.min() < reliability.max() <= 1
    mirrored = build(models)(np.ascontiguousarray(image[:, ::-1]))[:, ::-1]
    _, from_mirror = read_depth(build(models, {'reliability': 'mirror'}), image)
    np.testing.assert_allclose(from_mirror, np.exp(-np.abs(np.log(plain / mirrored)) / 0.1), atol=1e-4)
    with pytest.raises(FamdaError, match='it has mirror only'):
        build(models, {'reliability': 'scale'}, file='fixed.onnx', input={'width': 64, 'height': 40})


def test_identity_tells_file_and_description(models):
    identity = build(models, name='tiny', licence={'weights': 'MIT'}, input={'short_side': 64}).identity
    assert identity['name'] == 'tiny' and identity['kind'] == 'depth' and identity['model'] == 'tiny.onnx'
    assert identity['licence'] == {'weights': 'MIT', 'non_commercial': False}
    assert identity['settings']['input']['short_side'] == 64 and len(identity['weights_sha256']) == 64
    assert build(models, name='tiny', licence={'weights': 'MIT'}).identity != identity
    assert build(models).identity['licence']['weights'] == 'unknown, see its model card'
    research = build(models, licence={'weights': 'CC-BY-NC-4.0', 'non_commercial': True}).identity
    assert research['licence']['non_commercial']


@pytest.mark.parametrize(
    ('entries', 'sentence'),
    [
        ({'file': 'gone.onnx'}, r"there is no model '.*gone\.onnx'"),
        ({'file': 'text.onnx'}, r"text\.onnx' is no ONNX model"),
        ({'file': 'cut.onnx'}, r"cut\.onnx' is no ONNX model"),
        ({'file': 'outside.onnx'}, r"outside\.onnx' keeps its weights in another file"),
        ({'kind': 'metres'}, "the entry kind of .* takes depth or disparity, not 'metres'"),
        ({'size': 3}, "has no entry 'size'; it has file, kind"),
        ({'input': {'mode': 3}}, "input of .* has no entry 'mode'; it has name, layout"),
        ({'input': {'mean': [1, 2]}}, 'the entry mean of input of .* takes tuple with 3 elements'),
        ({'input': [3]}, 'input of .* must have entries of its own'),
        ({'input': {'layout': 'HWC'}}, "takes NCHW or NHWC, not 'HWC'"),
        ({'input': {'width': 64}}, 'both width and height, or neither'),
        ({'input': {'width': 64, 'height': 40, 'short_side': 3}}, 'a fixed size and a short_side; take one'),
        ({'input': {'short_side': 0}}, 'pixels above 0'),
        ({'input': {'multiple_of': 0}}, 'multiple_of must be 1 or more'),
        ({'input': {'std': [0, 1, 1]}}, 'std must be above 0'),
        ({'input': {'name': 'picture'}}, "has no input 'picture'; it has image"),
        ({'output': {'scale': -1}}, 'scale must be above 0'),
        ({'output': {'inverse': 'perhaps'}}, "the entry inverse of output of .* takes bool, not 'perhaps'"),
        ({'focal': 0}, 'focal must be pixels above 0'),
        ({'focal': 500, 'kind': 'disparity'}, 'focal is for metres'),
        ({'licence': {'non_commercial': 'no idea'}}, 'non_commercial of licence of .* takes bool'),
    ],
)
def test_bad_descriptions_and_files_get_one_sentence(models, entries, sentence):
    (models / 'text.onnx').write_text('not a model')
    (models / 'cut.onnx').write_bytes((models / 'tiny.onnx').read_bytes()[:300])
    model = onnx.load(str(models / 'tiny.onnx'))
    onnx.save(model, str(models / 'outside.onnx'), save_as_external_data=True, size_threshold=0, location='weights')
    with pytest.raises(FamdaError, match=sentence) as error:
        build(models, **entries)
    assert '\n' not in str(error.value)
    (models / 'weights').unlink()


def test_an_input_of_the_wrong_size_is_explained_at_the_first_image(models, image):
    with pytest.raises(FamdaError, match=r'does not take an input of \[1, 3, 32, 48\] .*; correct input'):
        build(models, file='fixed.onnx')(image)


@pytest.mark.parametrize(
    ('text', 'sentence'),
    [
        (None, 'cannot read the description'),
        ('{file: x', 'is not YAML'),
        ('', 'has no entries'),
        ('- a', 'has no entries'),
        ('kind: depth', 'the entry file of .* is missing'),
        ('file: tiny.onnx', 'the entry kind of .* is missing'),
    ],
)
def test_files_that_are_no_description(tmp_path, text, sentence):
    path = tmp_path / 'model.yaml'
    if text is not None:
        path.write_text(text)
    with pytest.raises(FamdaError, match=sentence):
        build_depth_teacher('depth-onnx', {'description': str(path)})


def test_the_model_lies_beside_its_description_wherever_that_is(models, tmp_path, monkeypatch, image):
    shutil.copy(models / 'tiny.onnx', tmp_path / 'tiny.onnx')
    shutil.copy(describe(models), tmp_path / 'model.yaml')
    monkeypatch.chdir(tmp_path.parent)
    teacher = build_depth_teacher('depth-onnx', {'description': f'{tmp_path.name}/model.yaml'})
    assert_same(teacher, image, by_torch(image / 255, image))
