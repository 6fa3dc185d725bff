# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import pytest

from famda_ros.errors import FamdaError
from famda_train.teachers.masks import MASK_TEACHERS, build_mask_teacher


@pytest.mark.parametrize('name', MASK_TEACHERS)
def test_every_setting_is_documented(name):
    teacher = MASK_TEACHERS[name]
    for setting in teacher.settings():
        assert setting in (teacher.load().__doc__ or ''), setting


@pytest.mark.parametrize('name', MASK_TEACHERS)
def test_unknown_settings_are_refused(name):
    with pytest.raises(FamdaError, match=f"mask teacher '{name}' has no setting 'colour'; it has"):
        build_mask_teacher(name, {'colour': 1})


def test_wrong_types_and_names_are_refused():
    with pytest.raises(FamdaError, match='scale'):
        build_mask_teacher('felzenszwalb', {'scale': 'large'})
    with pytest.raises(FamdaError, match='needs the setting checkpoint'):
        build_mask_teacher('sam')
    with pytest.raises(FamdaError, match='felzenszwalb, sam, sam2, sam-onnx, instances'):
        build_mask_teacher('sam9')


def test_names_and_settings_of_the_store_are_the_users():
    identity = build_mask_teacher('felzenszwalb', {'scale': 60, 'name': 'coarse'}).identity
    assert identity['name'] == 'coarse' and identity['settings']['scale'] == 60.0
    assert build_mask_teacher('felzenszwalb').identity['name'] == 'felzenszwalb'


def test_the_registry_imports_no_teacher():
    check = "import sys, famda_train.teachers.masks; print({'torch', 'segment_anything', 'onnx'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, '-c', check], text=True).strip() == 'set()'
