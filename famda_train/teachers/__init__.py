# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Mask and depth teachers, and how frames are labelled with them."""
