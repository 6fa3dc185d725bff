# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Frames and what teachers say about them on disk, and batches in memory."""
