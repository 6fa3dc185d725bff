# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The data module: pairs, crops, rare classes, refusals."""
from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch
from miniature_trees import WRITERS
from small_street import write_street

from famda_ros.errors import FamdaError
from famda_train.datasets.frame_folder import FrameFolder, FrameFolderWriter
from famda_train.labelling.labelling import label_frames
from famda_train.training.data_module import AdaptationData, DataSource, RareClassSampling, squeezed
from famda_train.training.samples import Samples


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    write_street(folder / 'source', 'synthetic', 6)
    label_frames(FrameFolder(write_street(folder / 'target', 'night', 3)), 'masks', 'felzenszwalb')
    return folder


def frames(data, count, name='source'):
    return list(islice(data.train_dataloader()[name], count))


def test_batches_pair_source_and_target(folders):
    data = AdaptationData(str(folders / 'source'), str(folders / 'target'), masks='felzenszwalb', batch_size=2)
    source, target = frames(data, 1)[0], frames(data, 1, 'target')[0]
    assert source['image'].shape == target['image'].shape == (2, 3, 32, 64)
    assert source['place'].tolist() == target['place'].tolist() == [0, 1]
    assert target['segments'].any() and not {'labels', 'depth'} & set(target)
    assert data.target.focal == data.source.focal
    assert data.label_space == 'flat7'


def test_the_seed_is_that_of_the_run_also_after_layers_drew_numbers(folders):
    torch.manual_seed(7)
    data = AdaptationData(str(folders / 'source'))
    data.setup('fit')
    before = [batch['index'].tolist() for batch in frames(data, 4)]
    torch.manual_seed(8)
    assert [batch['index'].tolist() for batch in frames(data, 4)] == before


def test_crops_are_cut_from_both_sides(folders):
    source = DataSource(str(folders / 'source'), size=(128, 64))
    data = AdaptationData(source, str(folders / 'target'), crop=(48, 24), batch_size=3)
    source_batch, target_batch = frames(data, 1)[0], frames(data, 1, 'target')[0]
    assert source_batch['image'].shape == target_batch['image'].shape == (3, 3, 24, 48)
    assert source_batch['labels'].shape == source_batch['depth'].shape == (3, 24, 48)
    # One canonical camera, in pixels, for both.
    assert source_batch['canonical_focal'].unique() == target_batch['canonical_focal'].unique()


def share_of(data, classes, count=150):
    """Return the share of shown frames that hold each class, and the shown crops' label maps."""
    labels = torch.cat([batch['labels'] for batch in frames(data, count)])
    return {c: float((labels == c).flatten(1).any(1).float().mean()) for c in classes}, labels


def plant(folder, index, train_id, rows=4):
    """Let one frame alone have a patch of a class; return the folder."""
    import cv2

    dataset = FrameFolder(folder)
    for i, frame in enumerate(dataset.frames):
        labels = dataset.labels(i)
        labels[labels == train_id] = 0
        if i == index:
            labels[20 : 20 + rows, 8:24] = train_id
        assert cv2.imwrite(str(folder / 'labels' / f'{frame.stem}.png'), labels)
    return folder


def test_frames_with_rare_classes_are_shown_more_often(tmp_path):
    folder, rare = plant(write_street(tmp_path / 's', 'synthetic', 6), 4, 6), 6
    plain = AdaptationData(str(folder), batch_size=1)
    often = AdaptationData(str(folder), batch_size=1, rare_classes=RareClassSampling(temperature=0.02))
    seen, preferred = share_of(plain, [rare])[0][rare], share_of(often, [rare])[0][rare]
    assert 0.05 < seen < 0.35  # one frame of six
    assert preferred > 2 * seen


def test_crops_show_the_class_for_which_a_frame_was_drawn(tmp_path):
    folder, rare = plant(write_street(tmp_path / 's', 'synthetic', 4), 2, 6), 6

    def shown(ratio):
        rarest = RareClassSampling(temperature=0.001, min_share_of_pixels=0.01, min_crop_ratio=ratio)
        data = AdaptationData(str(folder), batch_size=1, crop=(16, 16), max_share=1.0, rare_classes=rarest)
        batches = [batch for batch in frames(data, 150) if int(batch['index']) == 2]
        return np.mean([(batch['labels'] == rare).float().mean() > 0.1 for batch in batches])

    assert shown(10.0) > 0.9 > shown(0.0) + 0.2


def test_crops_full_of_one_class_are_drawn_again(folders):
    def dull(max_share):
        data = AdaptationData(str(folders / 'source'), crop=(16, 8), max_share=max_share, batch_size=1)
        labels = share_of(data, [])[1]
        return np.mean([np.bincount(one.flatten()).max() / one.size > 0.75 for one in labels.numpy()])

    assert dull(0.75) < 0.5 * dull(1.0)


def test_validation_shows_every_frame_once_and_training_needs_none(folders):
    assert AdaptationData(str(folders / 'source')).val_dataloader() == []
    data = AdaptationData(str(folders / 'source'), validate=str(folders / 'target'))
    (loader,) = data.val_dataloader()
    assert [len(batch['image']) for batch in loader] == [1, 1, 1]
    assert data.validation.focal == data.source.focal


@pytest.mark.parametrize(
    ('options', 'sentence'),
    [
        ({'target_size': (32, 16)}, 'bring them to one size or give data.crop|smaller than those'),
        ({'crop': (65, 32)}, '64x32 pixels, smaller than .* data.crop 65x32'),
        ({'crop': (64, 32), 'target_size': (128, 64)}, 'bring them to one size or give data.crop'),
    ],
)
def test_sizes_that_do_not_go_together_are_refused(folders, options, sentence):
    target = DataSource(str(folders / 'target'), size=options.pop('target_size', None))
    with pytest.raises(FamdaError, match=sentence):
        AdaptationData(str(folders / 'source'), target, **options)


def test_target_images_are_spread_over_the_folder(folders):
    data = AdaptationData(str(folders / 'source'), str(folders / 'target'))
    assert [len(batch) for batch in data.target_images(2, batch_size=1)] == [1, 1]
    assert sum(map(len, data.target_images(100))) == 3
    with pytest.raises(FamdaError, match='target'):
        AdaptationData(str(folders / 'source')).target_images(4)


def test_frames_to_validate_on_are_read_in_the_label_space_of_the_source(tmp_path, folders):
    trees = {kind: str(tmp_path / kind) for kind in ('vkitti2', 'cityscapes')}
    for kind in trees:
        WRITERS[kind](tmp_path / kind)
    data = AdaptationData(trees['vkitti2'], validate=DataSource(trees['cityscapes'], split='val'))
    assert data.validation.dataset.label_space.name == data.label_space == 'vkitti8'
    with pytest.raises(FamdaError, match=r'in vkitti8, the student in flat7; give data\.validate\.label_space'):
        AdaptationData(str(folders / 'source'), validate=DataSource(trees['vkitti2'], label_space='vkitti8'))


def label_some(folder, keep, box=None):
    """Leave labels to some frames alone, and of these to the pixels of a box (rows, columns); return the folder."""
    import cv2

    dataset = FrameFolder(folder)
    for index, frame in enumerate(dataset.frames):
        path = folder / 'labels' / f'{frame.stem}.png'
        if index not in keep:
            path.unlink()
        elif box is not None:
            labels = np.full((32, 64), 255, np.uint8)
            labels[box] = dataset.labels(index)[box]
            assert cv2.imwrite(str(path), labels)
    return folder


def test_labelled_frames_of_the_target_are_a_third_stream(tmp_path, folders):
    labelled = label_some(write_street(tmp_path / 'labelled', 'night', 4, first=9), keep=(2,))
    data = AdaptationData(str(folders / 'source'), str(folders / 'target'), str(labelled), crop=(48, 24), batch_size=3)
    (batch,) = frames(data, 1, 'target_labels')
    assert batch['image'].shape == (3, 3, 24, 48) and batch['labels'].shape == batch['depth'].shape == (3, 24, 48)
    assert batch['index'].tolist() == [0, 0, 0] and data.target_labels.left_out == 3
    assert not torch.equal(batch['image'][0], batch['image'][1])  # one frame, other crops
    assert data.target_labels.focal == data.source.focal
    assert 'target_labels' not in AdaptationData(str(folders / 'source'), str(folders / 'target')).train_dataloader()


def test_the_target_itself_may_hold_the_labels(tmp_path, folders):
    mine = label_some(write_street(tmp_path / 'mine', 'night', 4), keep=(0, 3))
    data = AdaptationData(str(folders / 'source'), DataSource(str(mine), size=(96, 48)), str(mine), crop=(48, 24))
    assert (len(data.target), len(data.target_labels)) == (4, 2)
    assert data.target_labels.size == (96, 48)  # that of the target
    assert 'labels' not in frames(data, 1, 'target')[0]


def test_crops_of_a_partly_labelled_frame_show_its_labels(tmp_path, folders):
    corner = label_some(write_street(tmp_path / 'corner', 'night', 1), keep=(0,), box=np.s_[20:, 40:])
    data = AdaptationData(str(folders / 'source'), str(folders / 'target'), str(corner), crop=(32, 16), batch_size=1)
    shown = [bool((batch['labels'] != 255).any()) for batch in frames(data, 60, 'target_labels')]
    by_chance = 1 - (24 / 33) * (4 / 17)  # of the crops anywhere that show the corner: rows above 4, columns above 8
    assert np.mean(shown) > 0.95 > by_chance


def test_labels_that_cannot_be_learnt_from_are_refused(tmp_path, folders):
    source, target = str(folders / 'source'), str(folders / 'target')
    bare = write_street(tmp_path / 'bare', 'night', 2, truth=False)
    with pytest.raises(FamdaError, match=r"bare' has no labels"):
        AdaptationData(source, target, str(bare))
    nothing = label_some(write_street(tmp_path / 'nothing', 'night', 2), keep=(0, 1), box=np.s_[:0])
    with pytest.raises(FamdaError, match=r"no pixel of '.*nothing' is labelled"):
        AdaptationData(source, target, str(nothing))
    with pytest.raises(FamdaError, match=r'data\.target_labels joins the self-training on data\.target; give that too'):
        AdaptationData(source, target_labels=target)
    WRITERS['vkitti2'](tmp_path / 'vkitti2')
    other = DataSource(str(tmp_path / 'vkitti2'), label_space='vkitti8')
    with pytest.raises(FamdaError, match=r'data\.target_labels is labelled in vkitti8, the student in flat7; give'):
        AdaptationData(source, target, other)


def test_frames_that_are_learnt_are_not_scored(tmp_path, folders):
    mine = label_some(write_street(tmp_path / 'mine', 'night', 4), keep=(1, 2))
    streams = str(folders / 'source'), str(folders / 'target')
    with pytest.raises(FamdaError, match=r'2 of the 2 labelled frames of data\.target_labels are those of data\.valid'):
        AdaptationData(*streams, str(mine), validate=str(folders / '..' / mine.relative_to(folders.parent)))
    rendered = DataSource('street-world:night', options={'frames': 3, 'width': 64, 'height': 32})
    with pytest.raises(FamdaError, match='3 of the 3 labelled frames'):
        AdaptationData(*streams, rendered, validate=rendered)
    assert AdaptationData(*streams, str(mine), validate=str(folders / 'target')).validation


def test_images_that_are_squeezed_are_told(tmp_path):
    with FrameFolderWriter(tmp_path, name='wide') as writer:
        writer.add('a', np.zeros((32, 64, 3), np.uint8))
    assert squeezed(Samples(FrameFolder(tmp_path), size=(32, 16))) == ''
    assert 'are squeezed to 67 % in one direction, where their size is 32x24' in squeezed(
        Samples(FrameFolder(tmp_path), size=(32, 24))
    )
