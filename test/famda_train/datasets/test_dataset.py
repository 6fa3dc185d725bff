# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest

from famda_ros.errors import FamdaError
from famda_ros.messages.frame_index import FrameRecord
from famda_train.datasets.dataset import Dataset, FrameSelection


class Plain(Dataset):
    """Images and labels of one number each."""

    KIND = 'plain'

    def __init__(self, count, labels=None):
        self.path, self.info = Path('somewhere'), {'name': 'plain', 'label_space': 'vkitti8'}
        self.frames = [FrameRecord(str(i), f'{i}.png', 2, 2) for i in range(count)]
        self._labels = labels

    @classmethod
    def detect(cls, path):
        return False

    def image(self, index):
        return np.full((2, 2, 3), index, np.uint8)

    def labels(self, index):
        return np.array(self._labels, np.uint8)

    def has(self, kind):
        return kind == 'labels' and self._labels is not None


def test_images_are_the_first_ones():
    assert [image[0, 0, 0] for image in Plain(3).images(2)] == [0, 1]
    assert len(list(Plain(3).images(9))) == len(Plain(3)) == 3


def test_required_truth_is_checked():
    Plain(1, [[0]]).require('labels')
    with pytest.raises(FamdaError, match=r"'somewhere' \(plain\) has no labels and no depth; run: famda doctor"):
        Plain(1).require('labels', 'depth')
    with pytest.raises(FamdaError, match='holds no frames'):
        Plain(0).require()


def test_truth_that_a_data_set_lacks_is_one_sentence():
    for kind in ('depth', 'instances'):
        with pytest.raises(FamdaError, match=f'has no {kind}'):
            getattr(Plain(1), kind)(0)


def test_a_selection_is_the_frames_that_were_chosen():
    whole = Plain(5, [[1]])
    selection = FrameSelection(whole, [1, 4])
    assert [frame.stem for frame in selection.frames] == ['1', '4'] and len(selection) == 2
    assert selection.image(1)[0, 0, 0] == 4 and selection.labels(0).tolist() == [[1]]
    assert selection.image_path(1) == Path('somewhere/4.png') and selection.store == whole.store
    assert selection.has('labels') and selection.label_space == whole.label_space
