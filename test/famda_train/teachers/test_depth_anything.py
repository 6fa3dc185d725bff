# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The teacher against transformers' own processor, model and post-processing, on the same random weights."""
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from small_depth_models import save_depth_anything, save_depth_pro, save_dpt, save_glpn, save_zoedepth
from transformers import AutoImageProcessor, AutoModelForDepthEstimation

from famda_ros.errors import FamdaError
from famda_train.teachers.agreement import match_median, reliability
from famda_train.teachers.depth_teachers import build_depth_teacher, read_depth
from famda_train.world import render

MODELS = {
    'relative': save_depth_anything,
    'metric': lambda path: save_depth_anything(path, 'metric'),
    'dpt': save_dpt,
    'glpn': save_glpn,
    'zoedepth': save_zoedepth,
    'depth_pro': save_depth_pro,
}


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    """Return a function from the name of a model to the folder in which it is saved."""
    folder = tmp_path_factory.mktemp('models')

    def path(name):
        return folder / name if (folder / name).exists() else MODELS[name](folder / name)

    return path


@pytest.fixture(scope='module')
def image():
    return render(7, 'day', 90, 60).image


def build(path, **settings):
    return build_depth_teacher('depth-anything', {'model': str(path), 'device': 'cpu', **settings})


@torch.inference_mode()
def by_transformers(path, image):
    """Return what transformers' documentation does for one image."""
    processor = AutoImageProcessor.from_pretrained(path)
    inputs = processor(images=image, return_tensors='pt')
    outputs = AutoModelForDepthEstimation.from_pretrained(path)(**inputs)
    sizes = [image.shape[:2]]
    extra = {'source_sizes': sizes} if 'zoedepth' in path.name else {}
    return processor.post_process_depth_estimation(outputs, target_sizes=sizes, **extra)[0]


@pytest.mark.parametrize('name', MODELS)
def test_values_are_those_of_transformers(saved, image, name):
    settings = {'output': 'disparity'} if name == 'dpt' else {}
    teacher = build(saved(name), **settings)
    values, expected = teacher(image), by_transformers(saved(name), image)['predicted_depth'].numpy()
    assert values.dtype == np.float32 and values.shape == image.shape[:2]
    assert expected.std() > 1e-3 and (expected > 0).mean() > 0.2  # a picture, not a constant
    if teacher.identity['kind'] == 'depth':
        expected = np.where(expected > 0, expected, np.nan)
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ('name', 'kind'),
    [('relative', 'disparity'), ('metric', 'depth'), ('glpn', 'depth'), ('zoedepth', 'depth'), ('depth_pro', 'depth')],
)
def test_the_configuration_tells_the_kind_whatever_the_folder_is_called(saved, tmp_path, name, kind):
    misleading = tmp_path / ('metric-outdoor' if kind == 'disparity' else 'relative-disparity')
    shutil.copytree(saved(name), misleading)
    assert build(misleading).identity['kind'] == kind
    other = 'depth' if kind == 'disparity' else 'disparity'
    with pytest.raises(FamdaError, match=f'gives {kind} by its configuration, not {other}'):
        build(misleading, output=other)


def test_where_the_configuration_is_silent_the_user_has_to_say(saved):
    with pytest.raises(FamdaError, match='give the setting output: depth or disparity'):
        build(saved('dpt'))
    assert [build(saved('dpt'), output=kind).identity['kind'] for kind in ('depth', 'disparity')] == [
        'depth', 'disparity'
    ]  # fmt: skip


def test_metres_follow_the_focal_length(saved, image):
    """Input of 84 x 56 pixels from 90 x 60: the model's camera of 70 pixels there is one of 75 at image size."""
    plain, typed = build(saved('metric')), build(saved('metric'), focal=70)
    np.testing.assert_array_equal(plain(image, 150.0), plain(image))
    np.testing.assert_array_equal(typed(image), plain(image))
    np.testing.assert_allclose(typed(image, 75.0), plain(image), rtol=1e-5)
    np.testing.assert_allclose(typed(image, 150.0), 2 * plain(image), rtol=1e-5)


def test_a_model_that_estimates_the_focal_length_gets_the_known_one(saved, image):
    teacher, expected = build(saved('depth_pro')), by_transformers(saved('depth_pro'), image)
    focal = float(expected['focal_length'])
    np.testing.assert_allclose(teacher(image, 3 * focal), 3 * teacher(image), rtol=1e-4)


def test_size_of_the_input(saved, image):
    """112 pixels give what the processor gives when it is told so."""
    processor = AutoImageProcessor.from_pretrained(saved('metric'), size={'height': 112, 'width': 112})
    network = AutoModelForDepthEstimation.from_pretrained(saved('metric'))
    with torch.inference_mode():
        outputs = network(**processor(images=image, return_tensors='pt'))
    expected = processor.post_process_depth_estimation(outputs, target_sizes=[image.shape[:2]])[0]['predicted_depth']
    larger = build(saved('metric'), size=112)(image)
    np.testing.assert_allclose(larger, expected, rtol=1e-5)
    assert np.abs(larger - build(saved('metric'))(image)).max() > 0.1


@pytest.mark.parametrize('name', ['relative', 'metric'])
def test_reliability_is_agreement_with_mirror_image_and_smaller_input(saved, image, name):
    """Readings that the teacher can be asked for one by one; three quarters of 56 pixels are 42."""
    alone, smaller = build(saved(name)), build(saved(name), size=42)
    kind, plain = alone.identity['kind'], alone(image)
    mirrored, small = alone(np.ascontiguousarray(image[:, ::-1]))[:, ::-1], smaller(image)
    readings = {'mirror': mirrored, 'scale': match_median(small, plain) if kind == 'depth' else small}
    expected = {views: reliability([plain, reading], kind) for views, reading in readings.items()}
    expected['both'] = np.minimum(expected['mirror'], expected['scale'])
    for views, wanted in expected.items():
        values, found = read_depth(build(saved(name), reliability=views), image)
        np.testing.assert_allclose(values, plain, rtol=1e-4, atol=1e-5)  # read in a batch of two
        np.testing.assert_allclose(found, wanted, atol=2e-3)
    assert 0 <= expected['mirror'].min() < 0.5 < expected['mirror'].max() <= 1


def test_identity_names_model_files_and_settings(saved, tmp_path):
    teacher = build(saved('relative'), size=70, reliability='mirror')
    identity = teacher.identity
    assert identity['name'] == 'depth-anything' and identity['model'] == 'relative' and 'revision' not in identity
    assert identity['settings'] == {'focal': None, 'size': 70, 'reliability': 'mirror', 'precision': 'fp32'}
    assert identity['licence'] == {'weights': 'unknown, see its model card', 'non_commercial': False}
    assert json.loads(json.dumps(identity)) == identity
    moved = tmp_path / 'relative'
    shutil.copytree(saved('relative'), moved)
    assert build(moved, size=70, reliability='mirror').identity == identity
    processor = moved / 'preprocessor_config.json'
    processor.write_text(processor.read_text().replace('14', '28'))
    assert build(moved, size=70, reliability='mirror').identity != identity


def test_a_model_in_the_cache_of_the_hub_is_taken_without_network(saved, tmp_path, monkeypatch, image):
    """Laid out as huggingface_hub does; the licence is that of the id, the revision the commit."""
    commit, cache = 'a' * 40, tmp_path / 'hub'
    repository = cache / 'models--depth-anything--Depth-Anything-V2-Metric-Outdoor-Large-hf'
    shutil.copytree(saved('metric'), repository / 'snapshots' / commit)
    (repository / 'refs').mkdir()
    (repository / 'refs' / 'main').write_text(commit)
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_CACHE', str(cache))
    teacher = build('v2-metric-outdoor-large')
    identity = teacher.identity
    assert identity['model'] == 'depth-anything/Depth-Anything-V2-Metric-Outdoor-Large-hf'
    assert identity['revision'] == commit and identity['kind'] == 'depth'
    assert identity['licence'] == {'weights': 'CC-BY-NC-4.0', 'non_commercial': True}
    np.testing.assert_array_equal(teacher(image), build(saved('metric'))(image))


def test_out_of_memory_halves_the_batch_of_image_and_mirror_image(saved, image):
    expected = read_depth(build(saved('metric'), reliability='mirror'), image)
    teacher = build(saved('metric'), reliability='mirror')
    limit = 1

    def too_large(_, inputs):
        if len(inputs[0]) > limit:
            raise torch.OutOfMemoryError('no room')

    teacher._network.register_forward_pre_hook(too_large)
    with pytest.warns(UserWarning, match='continuing with batches of 1'):
        found = read_depth(teacher, image)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
    limit = 0
    with pytest.raises(FamdaError, match='does not fit into the memory of the GPU; give a smaller size or model'):
        teacher(image)


def test_lower_precision_is_part_of_the_identity_and_about_as_good(saved, image):
    exact, rough = build(saved('metric')), build(saved('metric'), precision='bf16')
    assert rough.identity['settings']['precision'] == 'bf16' and rough.identity != exact.identity
    difference = np.abs(rough(image) - exact(image))
    assert difference.max() > 0 and np.median(difference) < 4


def test_three_rows_are_not_taken_for_three_channels(saved, image):
    """As an array of shape [3, 3, 3] they could be; as a PIL image they cannot."""
    small = np.ascontiguousarray(image[30:33, 40:43])
    processor = AutoImageProcessor.from_pretrained(saved('metric'))
    with torch.inference_mode():
        outputs = build(saved('metric'))._network(**processor(images=Image.fromarray(small), return_tensors='pt'))
    expected = processor.post_process_depth_estimation(outputs, target_sizes=[(3, 3)])[0]['predicted_depth']
    np.testing.assert_allclose(build(saved('metric'))(small), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ('name', 'settings', 'sentence'),
    [
        ('relative', {'focal': 500}, "leave out the setting focal: .* gives disparity"),
        ('depth_pro', {'focal': 500}, 'estimates the focal length itself'),
        ('zoedepth', {'focal': 500}, 'enlarges its images by a margin'),
        ('metric', {'focal': -1}, 'focal must be pixels above 0'),
        ('metric', {'size': 3}, 'size must be 28 pixels or more'),
        ('glpn', {'size': 64}, 'has one size'),
        ('glpn', {'reliability': 'both'}, 'it has mirror only'),
        ('metric', {'revision': 'main'}, 'is a folder: leave out revision'),
    ],
)
def test_settings_that_do_not_fit_get_one_sentence(saved, name, settings, sentence):
    with pytest.raises(FamdaError, match=sentence) as error:
        build(saved(name), **settings)
    assert '\n' not in str(error.value)


def damage(path, how):
    """Damage a saved model."""
    config = json.loads((path / 'config.json').read_text())
    weights = path / 'model.safetensors'
    if how == 'half of the weights':
        weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    elif how == 'no weights':
        weights.unlink()
    elif how == 'pickled weights':
        weights.rename(path / 'pytorch_model.bin')
    elif how == 'no JSON':
        (path / 'config.json').write_text('{"model_type": ')
    elif how == 'other sizes':
        config['fusion_hidden_size'] = 16
    elif how == 'further layers':
        config['backbone_config']['num_hidden_layers'] = 5
    elif how == 'unknown type':
        config['model_type'] = 'depth_nothing'
    elif how == 'no depth':
        config = {'model_type': 'vit'}
    if how != 'no JSON':
        (path / 'config.json').write_text(json.dumps(config))


@pytest.mark.parametrize(
    ('how', 'sentence'),
    [
        ('half of the weights', 'is no depth model that the installed transformers can load .*; get it again'),
        ('no weights', r'lacks model\*\.safetensors'),
        ('pickled weights', r'lacks model\*\.safetensors'),
        ('no JSON', 'is no depth model that the installed transformers can load'),
        ('other sizes', 'is no depth model that the installed transformers can load'),
        ('further layers', 'its weights lack backbone.* more; get it again'),
        ('unknown type', 'is no depth model that the installed transformers can load'),
        ('no depth', 'is no depth model that the installed transformers can load'),
    ],
)
def test_damaged_models_get_one_sentence_with_their_name(saved, tmp_path, how, sentence):
    path = tmp_path / 'broken'
    shutil.copytree(saved('metric'), path)
    damage(path, how)
    with pytest.raises(FamdaError, match=sentence) as error:
        build(path)
    assert "'broken'" in str(error.value) and '\n' not in str(error.value)
