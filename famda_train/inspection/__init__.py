# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Checks and pictures of data sets and label stores."""
