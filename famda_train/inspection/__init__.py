# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Checks and pictures of data sets and label stores, and what the viewer shows of them and of recordings."""
