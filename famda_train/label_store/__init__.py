# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Cached teacher outputs of one set of frames on disk."""
