# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import fields

import numpy as np
import pytest
import torch
from segment_anything import SamAutomaticMaskGenerator
from small_sam import EVERYTHING, noisy_image, small_sam

from famda_ros.errors import FamdaError
from famda_ros.files import sha256_of
from famda_train.teachers.automatic_masks import GeneratorSettings
from famda_train.teachers.mask_teachers import build_mask_teacher
from famda_train.teachers.sam import build_sam, load_sam


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp('sam') / 'small.pth'
    torch.save(small_sam().state_dict(), path)
    return path


def painted(records, size):
    """Paint the generator's records: the smallest mask of a pixel shows."""
    ids = np.zeros(size, int)
    for place, record in enumerate(sorted(records, key=lambda r: -r['area']), start=1):
        ids[record['segmentation']] = place
    return ids


def same_segments(one, other):
    """Tell whether two id maps divide an image alike, and agree on what is no segment."""
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    alike = len(pairs[0]) == len(np.unique(one)) == len(np.unique(other))
    return alike and np.array_equal(one == 0, other == 0)


@pytest.mark.parametrize('layers', [0, 1])
def test_masks_are_those_of_segment_anythings_own_generator(checkpoint, layers):
    image = noisy_image()
    settings = {**EVERYTHING, 'points_per_side': 6, 'crop_n_layers': layers}
    ours = build_mask_teacher('sam', {'checkpoint': str(checkpoint), **settings})(image)
    own = {name: value for name, value in settings.items() if name not in ('mask_nms_thresh', 'min_area')}
    records = SamAutomaticMaskGenerator(small_sam(), **own, crop_n_points_downscale_factor=2).generate(image)
    expected = painted(sorted(records, key=lambda r: -r['predicted_iou']), image.shape[:2])
    assert len(np.unique(expected)) > 10
    assert same_segments(ours, expected)


OTHERS = {
    'points_per_side': 7, 'pred_iou_thresh': 0.11, 'stability_score_thresh': 0.12, 'stability_score_offset': 0.7,
    'box_nms_thresh': 0.13, 'crop_n_layers': 2, 'crop_nms_thresh': 0.14, 'crop_overlap_ratio': 0.21,
    'crop_n_points_downscale_factor': 2, 'min_mask_region_area': 9, 'mask_nms_thresh': 0.15, 'min_area': 8,
}  # fmt: skip
"""A value for every setting, none of them a default."""


def test_every_setting_reaches_the_generator(checkpoint):
    own = {name: value for name, value in OTHERS.items() if name not in ('mask_nms_thresh', 'min_area')}
    expected = SamAutomaticMaskGenerator(small_sam(), **own)
    usual = SamAutomaticMaskGenerator(small_sam())
    teacher = build_mask_teacher('sam', {'checkpoint': str(checkpoint), 'points_per_batch': 5, **OTHERS})
    found = teacher._segment._generator
    assert set(OTHERS) == {one.name for one in fields(GeneratorSettings)}
    assert {name: teacher.identity['settings'][name] for name in OTHERS} == OTHERS
    for name in set(own) - {'points_per_side'}:
        assert getattr(found, name) == getattr(expected, name) != getattr(usual, name), name
    assert len(found.point_grids) == len(expected.point_grids) == 3  # of points_per_side and its factor
    for grid, wanted in zip(found.point_grids, expected.point_grids, strict=True):
        np.testing.assert_array_equal(grid, wanted)


def test_masks_that_change_little_with_the_threshold_are_stable(checkpoint):
    image = noisy_image()
    settings = {**EVERYTHING, 'points_per_side': 6, 'crop_n_layers': 0, 'stability_score_thresh': 0.6}
    settings |= {'checkpoint': str(checkpoint)}
    wide, narrow = ({**settings, 'stability_score_offset': offset} for offset in (1.0, 0.02))
    far, near = (build_mask_teacher('sam', offset)(image) for offset in (wide, narrow))
    assert far.max() < near.max()


def test_the_filters_of_the_generator_are_applied(checkpoint):
    image = noisy_image()
    settings = {'checkpoint': str(checkpoint), **EVERYTHING, 'points_per_side': 6, 'crop_n_layers': 0}
    everything = build_mask_teacher('sam', settings)(image)
    assert everything.any()
    assert not build_mask_teacher('sam', {**settings, 'pred_iou_thresh': 0.999})(image).any()
    # The same on crops, where the generator itself fails if it finds nothing.
    assert not build_mask_teacher('sam', {**settings, 'pred_iou_thresh': 0.999, 'crop_n_layers': 1})(image).any()
    large = build_mask_teacher('sam', {**settings, 'min_area': 4000})(image)
    assert large.max() < everything.max()


def test_the_sizes_of_a_model_are_seen_from_its_weights(checkpoint):
    original, loaded = small_sam(), load_sam(checkpoint)
    assert str(loaded) == str(original)
    encoder, own = loaded.image_encoder, original.image_encoder
    assert [b.window_size for b in encoder.blocks] == [b.window_size for b in own.blocks]
    assert encoder.blocks[0].attn.num_heads == own.blocks[0].attn.num_heads == 3
    image = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(encoder(image), own(image), rtol=0, atol=0)


@pytest.mark.parametrize('size, width, depth, heads', [('vit_b', 768, 12, 12), ('vit_l', 1024, 24, 16)])
def test_published_architectures_are_recognised(size, width, depth, heads):
    from segment_anything import sam_model_registry

    with torch.device('meta'):
        published = sam_model_registry[size]()
        built = build_sam(published.state_dict())
    assert str(built) == str(published)
    assert len(built.image_encoder.blocks) == depth and built.image_encoder.blocks[0].attn.num_heads == heads
    windows = [block.window_size for block in published.image_encoder.blocks]
    assert [block.window_size for block in built.image_encoder.blocks] == windows
    assert built.mask_decoder.transformer.num_heads == published.mask_decoder.transformer.num_heads
    assert built.image_encoder.img_size == 1024 and built.image_encoder.patch_embed.proj.out_channels == width


def test_the_identity_names_weights_settings_and_licence(checkpoint):
    teacher = build_mask_teacher('sam', {'checkpoint': str(checkpoint), 'points_per_batch': 3, 'name': 'sam-small'})
    identity = teacher.identity
    assert identity['name'] == 'sam-small' and identity['kind'] == 'segments'
    assert identity['weights_sha256'] == sha256_of(checkpoint)
    assert identity['licence'] == {'weights': 'Apache-2.0', 'non_commercial': False}
    assert identity['settings']['points_per_side'] == 32 and identity['settings']['precision'] == 'fp32'
    assert not {'points_per_batch', 'device', 'checkpoint'} & set(identity['settings'])


def test_wrong_checkpoints_are_named(tmp_path, checkpoint):
    missing = tmp_path / 'missing.pth'
    cut = tmp_path / 'cut.pth'
    cut.write_bytes(checkpoint.read_bytes()[:5000])
    empty = tmp_path / 'empty.pth'
    empty.touch()
    other = tmp_path / 'other.pth'
    torch.save(torch.nn.Linear(2, 2).state_dict(), other)
    tensor = tmp_path / 'tensor.pth'
    torch.save(torch.zeros(3), tensor)
    more = tmp_path / 'more.pth'
    torch.save({**small_sam().state_dict(), 'mask_decoder.hf_token.weight': torch.zeros(1, 32)}, more)
    whys = {missing: 'not there', cut: 'not whole', empty: 'not whole', other: 'no weights of segment-anything'}
    whys |= {tensor: 'no weights of segment-anything', more: 'no weights of segment-anything'}
    for file, why in whys.items():
        with pytest.raises(FamdaError, match=why) as error:
            build_mask_teacher('sam', {'checkpoint': str(file)})
        assert str(file) in str(error.value) and '\n' not in str(error.value)
