# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Frames to label, as many as the module's ``COUNT``, and the store that an uninterrupted labelling makes of them."""
import pytest
from labelling_runs import STORE, files
from small_street import write_street

from famda_train.datasets.frame_folder import FrameFolder
from famda_train.labelling.labelling import label_frames


@pytest.fixture(scope='module')
def whole(tmp_path_factory, request):
    """Files of an uninterrupted store of masks of :func:`frames`, made in one process."""
    folder = FrameFolder(write_street(tmp_path_factory.mktemp('whole') / 'night', 'night', request.module.COUNT))
    label_frames(folder, 'masks', 'felzenszwalb')
    return files(folder.path / STORE)


@pytest.fixture
def frames(tmp_path, request):
    """A folder of unlabelled frames."""
    return write_street(tmp_path / 'night', 'night', request.module.COUNT)
