# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Metrics pool pixels, not frames: frame by frame gives the same numbers as all frames at once."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from famda_train.evaluation.depth import DepthMetric, depth_metrics
from famda_train.evaluation.normals import NormalsMetric, normals_metrics

METRES = st.floats(0.0, 120.0, width=32) | st.sampled_from([float('nan'), float('inf'), 0.0, 80.0])
DEPTH = hnp.arrays(np.float32, (4, 6), elements=METRES)
NORMALS = hnp.arrays(np.float32, (3, 2, 4), elements=st.floats(-1, 1, width=32))


@pytest.mark.parametrize(
    ('metric_class', 'at_once', 'join', 'arrays'),
    [(DepthMetric, depth_metrics, np.concatenate, DEPTH), (NormalsMetric, normals_metrics, np.stack, NORMALS)],
)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_pixels_are_pooled_whatever_the_frames(metric_class, at_once, join, arrays, data):
    frames = data.draw(st.lists(st.tuples(arrays, arrays), min_size=2, max_size=4))
    metric = metric_class()
    for prediction, truth in frames:
        metric.update(prediction, truth)
    whole = at_once(*(join(each) for each in zip(*frames, strict=True)))
    assert metric.compute() == pytest.approx(whole, nan_ok=True)
