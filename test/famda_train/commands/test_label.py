# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda label`` as it is typed."""
from miniature_trees import write_cityscapes

from famda_train import cli
from famda_train.data.adaptation_data import DataSource
from famda_train.data.samples import Samples


def test_a_store_elsewhere_is_filled_and_read(tmp_path):
    """A read-only data set: what labelling wrote elsewhere, a configuration finds again."""
    root, store = tmp_path / 'city', tmp_path / 'store'
    write_cityscapes(root, 1)
    before = sorted(root.rglob('*'))
    words = ['label', str(root), '--split', 'val', '--depth', 'null', '--options.store', str(store)]
    assert cli.main(words) == cli.EXIT_OK
    assert sorted(root.rglob('*')) == before and (store / 'teachers').is_dir()
    dataset = DataSource(str(root), split='val', options={'store': str(store)}).open()
    sample = Samples(dataset, masks='felzenszwalb')[0]
    assert sample['segments'].shape == sample['image'].shape[:2] and sample['segments'].max() > 0
