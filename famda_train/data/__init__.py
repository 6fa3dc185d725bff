# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Frames on disk and batches in memory."""
