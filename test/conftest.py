# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Settings of all tests."""
from hypothesis import settings

# A slow machine is no fault of the code: behaviour is tested here, time is measured by `famda bench`.
settings.register_profile('famda', deadline=None)
settings.load_profile('famda')
