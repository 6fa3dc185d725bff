# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from miniature_trees import write_camvid

from famda_ros.student.label_space import IGNORE
from famda_train.commands.cli import main
from famda_train.datasets.catalogue import open_dataset
from famda_train.inspection.mask_purity import MaskPurity
from famda_train.label_store.label_store import LabelStore

SIZE = (4, 6)
CLASSES = ('road', 'sky', 'car')
SEGMENTS = arrays(np.uint16, SIZE, elements=st.integers(0, 4))
LABELS = arrays(np.uint8, SIZE, elements=st.sampled_from([0, 1, 2, IGNORE]))


def by_hand(pictures):
    """Return (masks, coverage, purity, per class) pixel by pixel."""
    masks, rows = 0, []
    for segments, labels in pictures:
        ids = sorted(set(segments.ravel().tolist()) - {0})
        masks += len(ids)
        majority = {}
        for mask in ids:
            counts = [np.sum((segments == mask) & (labels == c)) for c in range(len(CLASSES))]
            majority[mask] = counts.index(max(counts))
        for mask, label in zip(segments.ravel().tolist(), labels.ravel().tolist(), strict=True):
            if label != IGNORE:
                rows.append((label, mask > 0, mask > 0 and majority[mask] == label))
    return masks, rows


def share(part, whole):
    return pytest.approx(100 * part / whole) if whole else None


@given(st.lists(st.tuples(SEGMENTS, LABELS), min_size=1, max_size=3))
def test_purity_is_counted_as_by_hand(pictures):
    purity = MaskPurity(CLASSES)
    for segments, labels in pictures:
        purity.update(segments, labels)
    result = purity.compute()
    masks, rows = by_hand(pictures)
    assert result['images'] == len(pictures) and result['masks_per_image'] == pytest.approx(masks / len(pictures))
    covered = sum(row[1] for row in rows)
    assert result['coverage'] == share(covered, len(rows))
    assert result['purity'] == share(sum(row[2] for row in rows), covered)
    for place, name in enumerate(CLASSES):
        own = [row for row in rows if row[0] == place]
        covered = sum(row[1] for row in own)
        assert result['classes'][name]['coverage'] == share(covered, len(own))
        assert result['classes'][name]['purity'] == share(sum(row[2] for row in own), covered)


@pytest.fixture
def stores(tmp_path):
    """A small CamVid with two stores: one of perfect masks, one that is a single mask."""
    write_camvid(tmp_path / 'data')
    frames = open_dataset(tmp_path / 'data', split='day_val', store=tmp_path / 'store')
    for name in ('perfect', 'one'):
        store = LabelStore.create(frames.store, 'masks', {'name': name, 'kind': 'segments'})
        for index, frame in enumerate(frames.frames):
            labels = frames.labels(index).astype(np.uint16)
            store.write_segments(frame.stem, labels + 1 if name == 'perfect' else np.ones_like(labels))
    return tmp_path


def test_stores_are_compared_at_the_command_line(stores, capsys):
    command = ['teachers', 'purity', str(stores / 'data'), '--masks', 'perfect', 'one', '--split', 'day_val']
    options = ['--options.store', str(stores / 'store'), '--json', str(stores / 'purity.json')]
    assert main([*command, *options]) == 0
    result = json.loads((stores / 'purity.json').read_text())
    perfect, one = result['masks']['perfect'], result['masks']['one']
    assert perfect['coverage'] == perfect['purity'] == one['coverage'] == 100
    assert one['masks_per_image'] == 1 and one['purity'] < 100
    assert perfect['teacher']['name'] == 'perfect' and result['split'] == 'day_val'
    said = capsys.readouterr().out
    assert 'perfect' in said and 'road' in said


def test_a_missing_store_is_an_error(stores, capsys):
    assert main(['teachers', 'purity', str(stores / 'data'), '--masks', 'felzenszwalb', '--split', 'day_val']) == 2
    assert 'famda label' in capsys.readouterr().err
