# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Measurements: every number that the documentation quotes comes from here."""
