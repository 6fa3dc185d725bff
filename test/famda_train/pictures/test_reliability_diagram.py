# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np

from famda_train.evaluation.confidence import confidence_counts, reliability
from famda_train.pictures.grid import stacked
from famda_train.pictures.reliability_diagram import BAR_RGB, GAP_RGB, SHARE_RGB, reliability_diagram


def area(picture, color):
    return int((picture == np.uint8(color)).all(-1).sum())


def diagram(right_share):
    confidence = np.full(1000, 204, np.uint8)
    return reliability_diagram(reliability(confidence_counts(confidence, np.arange(1000) < 1000 * right_share)))


def test_the_distance_to_the_confidence_is_drawn():
    honest, boastful = diagram(0.8), diagram(0.4)
    assert area(boastful, GAP_RGB) > 5 * area(honest, GAP_RGB)
    assert area(honest, BAR_RGB) > 1.7 * area(boastful, BAR_RGB) > 0
    assert area(honest, SHARE_RGB) == area(boastful, SHARE_RGB) > 500


def test_stacked_pictures_keep_their_pixels():
    above, below = np.zeros((2, 5, 3), np.uint8), np.full((3, 2, 3), 7, np.uint8)
    both = stacked(above, below)
    assert both.shape == (5, 5, 3) and (both[:2] == 0).all()
    assert (both[2:, :2] == 7).all() and (both[2:, 2:] == 255).all()
