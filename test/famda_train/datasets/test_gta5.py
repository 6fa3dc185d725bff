# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
from miniature_trees import write_gta5
from PIL import Image

from famda_train.datasets.gta5 import Gta5


def test_palette_and_plain_labels_are_the_same(tmp_path):
    written = write_gta5(tmp_path, 2)
    first, second = Gta5(tmp_path).labels(0), Gta5(tmp_path).labels(1)
    with Image.open(tmp_path / 'labels' / '00001.png') as image:
        assert image.mode == 'P'
    Image.fromarray(written['00001'].ids).save(tmp_path / 'labels' / '00001.png')
    np.testing.assert_array_equal(Gta5(tmp_path).labels(0), first)
    assert (first != second).any()


def test_images_of_another_size_are_read_as_they_are(tmp_path):
    write_gta5(tmp_path, 2)
    Image.fromarray(np.zeros((30, 64, 3), np.uint8)).save(tmp_path / 'images' / '00002.png')
    dataset = Gta5(tmp_path)
    assert dataset.image(1).shape == (30, 64, 3)
    assert (dataset.frames[1].width, dataset.frames[1].height) == (64, 32)
    assert not dataset.ONE_SIZE
