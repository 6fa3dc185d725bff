# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What nodes and students keep goes to a temporary folder, not to the user's cache."""

import pytest


@pytest.fixture(scope='module', autouse=True)  # not longer: other rooms' tests look into the user's
def cache_of_the_tests(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('FAMDA_CACHE', str(tmp_path_factory.mktemp('cache')))
        yield
