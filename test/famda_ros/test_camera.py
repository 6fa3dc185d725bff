# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from types import SimpleNamespace

import pytest

from famda_ros.camera import focal_of, info_topic_of, namespace_of


def info(fx=500.0, width=640, roi=0, binning=0):
    return SimpleNamespace(k=[fx] + [0.0] * 8, width=width, binning_x=binning, roi=SimpleNamespace(width=roi))


@pytest.mark.parametrize(
    ('camera', 'image_width', 'focal'),
    [
        (None, 640, None),
        (info(), 640, 500.0),
        (info(), 320, 250.0),  # resized, or binned, without a new calibration
        (info(fx=0.0), 640, None),  # not calibrated
        (info(width=0), 640, None),
        (info(roi=320), 320, 500.0),  # a cut-out sees less, not smaller
        (info(roi=320, binning=2), 160, 250.0),
    ],
)
def test_focal(camera, image_width, focal):
    assert focal_of(camera, image_width) == focal


@pytest.mark.parametrize(
    ('topic', 'namespace'),
    [('/image', ''), ('/cam0/image', '/cam0'), ('/a/b/image_raw/compressed', '/a/b'), ('/image/compressed', '')],
)
def test_topics_beside_an_image(topic, namespace):
    assert namespace_of(topic) == namespace
    assert info_topic_of(topic) == f'{namespace}/camera_info'
