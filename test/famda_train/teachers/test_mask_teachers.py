# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
from dataclasses import fields

import pytest

from famda_ros.errors import FamdaError
from famda_train.teachers.automatic_masks import GeneratorSettings
from famda_train.teachers.mask_teachers import MASK_TEACHERS, build_mask_teacher


@pytest.mark.parametrize('name', MASK_TEACHERS)
def test_every_setting_is_documented(name):
    teacher = MASK_TEACHERS[name].load()
    documentation = f'{teacher.__doc__} {getattr(teacher, "generator", None).__doc__}'
    for setting in MASK_TEACHERS[name].settings():
        assert f' {setting}:' in documentation or f' {setting},' in documentation, setting


@pytest.mark.parametrize('name', MASK_TEACHERS)
def test_unknown_settings_are_refused(name):
    with pytest.raises(FamdaError, match=f"mask teacher '{name}' has no setting 'colour'; it has"):
        build_mask_teacher(name, {'colour': 1})


def test_wrong_types_and_names_are_refused():
    with pytest.raises(FamdaError, match=r"the setting scale of mask teacher 'felzenszwalb': .*'large'"):
        build_mask_teacher('felzenszwalb', {'scale': 'large'})
    with pytest.raises(FamdaError, match=r"the setting min_size of mask teacher 'felzenszwalb': 1\.5 not an integer"):
        build_mask_teacher('felzenszwalb', {'min_size': 1.5})
    with pytest.raises(FamdaError, match="the setting checkpoint of mask teacher 'sam' is missing"):
        build_mask_teacher('sam')
    with pytest.raises(FamdaError, match='felzenszwalb, sam, sam2, sam-onnx, instances'):
        build_mask_teacher('sam9')


@pytest.mark.parametrize(
    'name, setting, value, words',
    [
        ('felzenszwalb', 'scale', 0, 'greater than 0 and finite, not 0'),
        ('felzenszwalb', 'sigma', -1, 'at least 0 and finite, not -1'),
        ('felzenszwalb', 'sigma', float('nan'), 'at least 0 and finite, not nan'),
        ('felzenszwalb', 'min_size', -1, 'at least 0, not -1'),
        ('felzenszwalb', 'gamma', 0.0, 'greater than 0 and finite, not 0.0'),
        *[
            (name, setting, value, words)
            for name in ('sam', 'sam2', 'sam-onnx')
            for setting, value, words in (
                ('points_per_side', 0, 'greater than 0, not 0'),
                ('points_per_batch', 0, 'greater than 0, not 0'),
                ('pred_iou_thresh', 1.01, 'at least 0 and at most 1, not 1.01'),
                ('mask_nms_thresh', -0.1, 'at least 0 and at most 1, not -0.1'),
                ('stability_score_offset', -1.0, 'at least 0 and finite, not -1.0'),
                ('min_area', -1, 'at least 0, not -1'),
            )
        ],
    ],
)
def test_settings_out_of_range_are_refused(name, setting, value, words):
    needed = {'checkpoint': 'nowhere.pth'} if name == 'sam' else {}
    with pytest.raises(FamdaError, match=f"the setting {setting} of mask teacher '{name}' must be {words}$"):
        build_mask_teacher(name, {**needed, setting: value})


def test_the_sam_teachers_share_the_settings_of_the_generator():
    shared = {one.name for one in fields(GeneratorSettings)}
    for name in ('sam', 'sam2', 'sam-onnx'):
        settings = MASK_TEACHERS[name].settings()
        assert shared < set(settings) and 'generator' not in settings
        assert settings['min_area'] == 20 and settings['points_per_batch'] > 0
    assert MASK_TEACHERS['sam-onnx'].settings()['points_per_side'] == 12


def test_names_and_settings_of_the_store_are_the_users():
    identity = build_mask_teacher('felzenszwalb', {'scale': 60, 'name': 'coarse'}).identity
    assert identity['name'] == 'coarse' and identity['settings']['scale'] == 60.0
    assert {type(value) for value in identity['settings'].values()} == {int, float}  # for other processes
    assert build_mask_teacher('felzenszwalb').identity['name'] == 'felzenszwalb'


def test_the_registry_imports_no_teacher():
    module, heavy = 'famda_train.teachers.mask_teachers', "{'torch', 'segment_anything', 'onnx'}"
    check = f'import sys, {module}; print({heavy} & set(sys.modules))'
    assert subprocess.check_output([sys.executable, '-c', check], text=True).strip() == 'set()'
