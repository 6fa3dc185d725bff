# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Data sets as they are published, frame folders and the street world."""
