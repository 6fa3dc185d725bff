# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What a dozen clicks a frame bring, simulated on labelled photographs."""
import os
from pathlib import Path

import numpy as np
import pytest

from famda_ros.student.label_space import FLAT7, IGNORE
from famda_train.annotate.annotator import Annotator, open_folder
from famda_train.datasets.camvid import CamVid
from famda_train.datasets.frame_folder import FrameFolder, FrameFolderWriter

ROOT = Path(__file__).resolve().parents[3]
CAMVID = Path(os.environ.get('FAMDA_CAMVID', ROOT / 'data' / 'camvid'))
CLICKS, FRAMES, SPLIT = 12, 20, 'dusk_val'


def best_click(state, truth):
    """Return (x, y, class) of the mask that gains most by the class of most of its true pixels; None = none gains."""
    shown = np.where(state.labels == IGNORE, state.suggestion, state.labels)
    known, first = truth != IGNORE, state.pieces.min()
    pieces = state.pieces[known] - first
    count = int(pieces.max()) + 1
    votes = np.bincount(pieces * len(FLAT7) + truth[known], minlength=count * len(FLAT7)).reshape(count, -1)
    gains = votes.max(1) - np.bincount(pieces, (shown == truth)[known], count)
    best = int(gains.argmax())
    if gains[best] <= 0:
        return None
    y, x = np.argwhere((state.pieces == best + first) & known)[0].tolist()
    return x, y, int(votes[best].argmax())


def agreement(labels, truth):
    return float((labels == truth)[truth != IGNORE].mean())


@pytest.mark.slow
@pytest.mark.skipif(
    not (CAMVID / SPLIT).is_dir(), reason=f'no {SPLIT} of CamVid in {CAMVID} (docs/datasets.md; FAMDA_CAMVID names it)'
)
def test_a_dozen_clicks_a_frame_label_photographs(tmp_path, capsys):
    published = CamVid(CAMVID, SPLIT, 'flat7')
    truths = {frame.stem: published.labels(place) for place, frame in enumerate(published.frames[:FRAMES])}
    with FrameFolderWriter(tmp_path / 'dusk', name='dusk') as writer:
        for place, stem in enumerate(truths):
            writer.add(stem, published.image(place))
    annotator = Annotator(open_folder(tmp_path / 'dusk', 'flat7'), None, ROOT / 'models' / 'street.onnx')
    suggested, clicks = [], []
    for index, place in enumerate(annotator.frames):
        state, truth = annotator.state(index), truths[annotator.data.frames[place].stem]
        suggested.append(agreement(state.suggestion, truth))
        clicks.append(0)
        while clicks[-1] < CLICKS and (chosen := best_click(state, truth)):
            state = annotator.act(index, 'click', dict(zip(('x', 'y', 'label'), chosen, strict=True)))
            clicks[-1] += 1
        annotator.act(index, 'accept', {})
    data = FrameFolder(tmp_path / 'dusk')
    reached = [agreement(data.labels(place), truths[frame.stem]) for place, frame in enumerate(data.frames)]
    with capsys.disabled():
        print(
            f'\n{len(reached)} frames of {SPLIT}: {100 * np.mean(suggested):.1f} % of the pixels right as suggested, '
            f'{100 * np.mean(reached):.1f} % after {np.mean(clicks):.1f} clicks a frame '
            f'(least {100 * min(reached):.1f} %)'
        )
    assert len(reached) == FRAMES and max(clicks) <= CLICKS
    assert np.mean(reached) >= 0.85
