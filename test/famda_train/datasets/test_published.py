# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What all published data sets have in common, on miniatures of every one."""
import miniature_trees
import numpy as np
import pytest
from miniature_trees import HEIGHT, WIDTH, WRITERS

from famda_ros.errors import FamdaError
from famda_ros.student.label_space import IGNORE
from famda_train.datasets.catalogue import KINDS, detect_kind, open_dataset
from famda_train.datasets.published import read_depth_png, read_ids

# Raw ids of the seven classes of the street world, and what they are in the data set's usual label space.
USUAL = {
    'synthia': (miniature_trees.SYNTHIA, (0, 2, 5, 8, 9, 10, 12)),
    'vkitti2': (miniature_trees.VKITTI, (0, 1, 2, 5, 6, IGNORE, 7)),
    'cityscapes': (miniature_trees.CITYSCAPES, (0, 2, 5, 8, 10, 11, 13)),
    'gta5': (miniature_trees.CITYSCAPES, (0, 2, 5, 8, 10, 11, 13)),
    'acdc': (miniature_trees.CITYSCAPES_TRAIN, (0, 2, 5, 8, 10, 11, 13)),
    'dark-zurich': (miniature_trees.CITYSCAPES_TRAIN, (0, 2, 5, 8, 10, 11, 13)),
    'camvid': (miniature_trees.CAMVID, (3, 1, 2, 5, 0, 9, 8)),
}
IN_SEVEN = {'synthia', 'cityscapes', 'gta5', 'acdc', 'dark-zurich', 'camvid'}
SOME_LOSS = {'camvid', 'vkitti2'}  # images are JPEG


@pytest.fixture(scope='module')
def trees(tmp_path_factory):
    """Return {kind: (root, what was written)}."""
    folder = tmp_path_factory.mktemp('trees')
    return {kind: (folder / kind, writer(folder / kind)) for kind, writer in WRITERS.items()}


def opened(root, **values):
    """Yield every split of a tree."""
    cls = KINDS[detect_kind(root)]
    for options in cls.parts(root).values():
        yield open_dataset(root, **{**options, **values})


@pytest.mark.parametrize('kind', WRITERS)
def test_the_layout_is_recognised(trees, kind):
    assert detect_kind(trees[kind][0]) == kind


@pytest.mark.parametrize('kind', WRITERS)
def test_every_frame_is_found_once(trees, kind):
    root, written = trees[kind]
    stems = [frame.stem for dataset in opened(root) for frame in dataset.frames]
    assert sorted(stems) == sorted(written)


@pytest.mark.parametrize('kind', WRITERS)
def test_images_and_labels_are_what_was_encoded(trees, kind):
    root, written = trees[kind]
    raw, usual = USUAL[kind]
    meaning = np.full(256, IGNORE)
    meaning[list(raw)] = usual
    labelled = 0
    for dataset in opened(root):
        for index, frame in enumerate(dataset.frames):
            ground_truth = written[frame.stem]
            image = dataset.image(index)
            assert (image.dtype, image.shape) == (np.uint8, (HEIGHT, WIDTH, 3))
            assert (frame.width, frame.height) == (WIDTH, HEIGHT)
            error = np.abs(image.astype(int) - ground_truth.image).mean()
            assert error < 12 if kind in SOME_LOSS else error == 0
            if dataset.has('labels'):
                labels = dataset.labels(index)
                assert labels.dtype == np.uint8
                # The first row holds the other ids, see test_label_maps.
                np.testing.assert_array_equal(labels[1:], meaning[ground_truth.ids[1:]])
                np.testing.assert_array_equal(dataset.raw_ids(index), ground_truth.ids)
                labelled += 1
    assert labelled >= 2


@pytest.mark.parametrize('kind', sorted(IN_SEVEN))
def test_labels_in_seven_classes_are_those_that_were_rendered(trees, kind):
    root, written = trees[kind]
    raw = list(USUAL[kind][0])
    for dataset in opened(root, label_space='flat7'):
        if dataset.has('labels'):
            assert dataset.label_space is not None and dataset.label_space.name == 'flat7'
            rendered = np.full(256, IGNORE)
            rendered[raw] = range(7)
            np.testing.assert_array_equal(dataset.labels(0)[1:], rendered[written[dataset.frames[0].stem].ids[1:]])


@pytest.mark.parametrize('kind', WRITERS)
def test_what_is_not_there_is_said(trees, kind):
    root, _ = trees[kind]
    missing = 0
    for dataset in opened(root):
        for ground_truth in ('labels', 'depth', 'instances'):
            if not dataset.has(ground_truth):
                with pytest.raises(FamdaError, match=rf'has no {ground_truth}; run: famda doctor'):
                    getattr(dataset, ground_truth)(0)
                with pytest.raises(FamdaError, match=rf'has no {ground_truth}'):
                    dataset.require(ground_truth)
                assert dataset.ground_truth_path(ground_truth, 0) is None
                missing += 1
            else:
                dataset.require(ground_truth)
        assert (dataset.label_space is None) == (not dataset.has('labels'))
    assert missing  # instances at least


@pytest.mark.parametrize('kind', WRITERS)
def test_teachers_outputs_have_a_folder_of_their_own(trees, kind, tmp_path):
    root, _ = trees[kind]
    dataset = next(opened(root))
    assert dataset.store.parent == root / 'famda'
    assert next(opened(root, store=tmp_path)).store == tmp_path


@pytest.mark.parametrize('kind', WRITERS)
def test_an_unknown_split_or_label_space_lists_the_known_ones(trees, kind):
    root, _ = trees[kind]
    with pytest.raises(FamdaError, match="no split 'evening'; choose one of "):
        open_dataset(root, split='evening')
    with pytest.raises(FamdaError, match=r"unknown label space for this data set 'flat9'; choose one of \w+"):
        open_dataset(root, label_space='flat9')


@pytest.mark.parametrize('kind', WRITERS)
def test_an_empty_folder_says_how_the_set_is_laid_out(kind, tmp_path):
    with pytest.raises(FamdaError, match=r'laid out as .*/?\w+') as error:
        open_dataset(tmp_path, kind)
    assert str(tmp_path) in str(error.value) and '\n' not in str(error.value)


def test_ids_are_read_from_palettes_and_never_from_colours(tmp_path):
    ids = np.arange(64, dtype=np.uint8).reshape(8, 8)
    palette = miniature_trees.Image.fromarray(ids)
    palette.putpalette(np.random.default_rng(0).integers(0, 256, 768).tolist())
    palette.save(tmp_path / 'palette.png')
    np.testing.assert_array_equal(read_ids(tmp_path / 'palette.png'), ids)
    palette.convert('RGB').save(tmp_path / 'colours.png')
    with pytest.raises(FamdaError, match='colours instead of 8-bit class ids'):
        read_ids(tmp_path / 'colours.png')
    miniature_trees.put(tmp_path / 'deep.png', ids.astype(np.uint16) * 100)
    with pytest.raises(FamdaError, match='more than 8 bits instead'):
        read_ids(tmp_path / 'deep.png')


@pytest.mark.parametrize('reader', [read_ids, read_depth_png])
@pytest.mark.parametrize('keep', [0, 30, 100])
def test_a_damaged_file_is_named(tmp_path, reader, keep):
    path = tmp_path / 'a.png'
    miniature_trees.put(path, np.random.default_rng(0).integers(0, 255, (32, 32)).astype(np.uint8))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FamdaError, match=r'a\.png.*damaged'):
        reader(path)


def test_depth_needs_sixteen_bits_and_equal_channels(tmp_path):
    one = np.random.default_rng(0).integers(0, 65536, (4, 5)).astype(np.uint16)
    miniature_trees.put(tmp_path / 'three.png', np.stack([one] * 3, -1))
    np.testing.assert_array_equal(read_depth_png(tmp_path / 'three.png'), one)
    miniature_trees.put(tmp_path / 'eight.png', (one >> 8).astype(np.uint8))
    with pytest.raises(FamdaError, match='8-bit image, depth needs 16'):
        read_depth_png(tmp_path / 'eight.png')
    miniature_trees.put(tmp_path / 'mixed.png', np.stack([one, one, one + 1], -1))
    with pytest.raises(FamdaError, match='channels that differ'):
        read_depth_png(tmp_path / 'mixed.png')


@pytest.mark.parametrize(
    ('kind', 'options', 'sentence'),
    [
        ('acdc', {'condition': 'dusk'}, "ACDC has no condition 'dusk'; choose one of fog, night, rain, snow"),
        ('acdc', {'condition': 'snow'}, 'no folder rgb_anon/snow/train; ACDC is laid out as'),
        ('dark-zurich', {'time': 'noon'}, "Dark Zurich has no time 'noon'; choose one of day, twilight, night"),
        ('dark-zurich', {'time': 'twilight'}, 'no folder rgb_anon/train/twilight; Dark Zurich is laid out as'),
        ('synthia', {'split': 'val'}, "SYNTHIA-RAND-CITYSCAPES has no split 'val'; choose one of all"),
    ],
)
def test_a_part_that_is_not_there_is_refused(trees, kind, options, sentence):
    with pytest.raises(FamdaError, match=sentence):
        open_dataset(trees[kind][0], **options)
