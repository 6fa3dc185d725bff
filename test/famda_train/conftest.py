# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""One browser for all tests that look at pages: a process can drive only one."""
from browser import chromium

__all__ = ['chromium']
