# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from famda_ros.errors import FamdaError
from famda_ros.profiles.parameters import PARAMETERS, camera_weights, check_choices, group
from famda_ros.profiles.profile_file import SETTINGS

DEFAULTS = {parameter.name: parameter.default for parameter in PARAMETERS}


def test_the_table_is_sound():
    assert len(DEFAULTS) == len(PARAMETERS)
    for parameter in PARAMETERS:
        assert len(parameter.description) > 10
        if isinstance(parameter.default, (int, float)) and not isinstance(parameter.default, bool):
            assert parameter.minimum <= parameter.default <= parameter.maximum
            assert isinstance(parameter.minimum, type(parameter.default))
        else:
            assert parameter.minimum is parameter.maximum is None
        if isinstance(parameter.default, list):
            assert parameter.default  # ROS cannot tell the type of []
    check_choices(DEFAULTS)


def test_profiles_may_set_what_is_live():
    live = {parameter.name for parameter in PARAMETERS if parameter.live}
    assert SETTINGS and set(SETTINGS) <= live


def test_camera_weights():
    assert camera_weights([''], [1.0]) == camera_weights([], [1.0]) == {'': 1.0}
    assert camera_weights(['front', 'rear/left'], [2.0]) == {'front': 2.0, 'rear/left': 2.0}
    assert camera_weights(['front', 'left'], [2.0, 1.0]) == {'front': 2.0, 'left': 1.0}


@pytest.mark.parametrize(
    ('names', 'weights', 'sentence'),
    [
        (['a', 'a'], [1.0], 'twice'),
        (['a-b'], [1.0], 'no relative ROS name'),
        (['1a'], [1.0], 'no relative ROS name'),
        (['/a'], [1.0], 'no relative ROS name'),
        (['a/'], [1.0], 'no relative ROS name'),
        (['a//b'], [1.0], 'no relative ROS name'),
        (['ä'], [1.0], 'no relative ROS name'),
        (['front', 'model'], [1.0], "cannot be named 'model'"),
        (['a', 'b'], [1.0, 2.0, 3.0], '3 numbers for 2 cameras'),
        (['a'], [0.0], 'greater than 0'),
        (['a', 'b'], [1.0, float('nan')], 'greater than 0'),
    ],
)
def test_wrong_cameras_are_refused(names, weights, sentence):
    with pytest.raises(FamdaError, match=sentence):
        camera_weights(names, weights)


def test_wrong_choices_are_refused():
    with pytest.raises(FamdaError, match="image_transport 'theora' is unknown; choose one of raw, compressed"):
        check_choices({**DEFAULTS, 'image_transport': 'theora'})


def test_group():
    assert group({'auto.a': 1, 'auto.b.c': 2, 'automatic': 3, 'x': 4}, 'auto') == {'a': 1, 'b.c': 2}
