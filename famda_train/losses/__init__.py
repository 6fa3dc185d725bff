# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Losses as pure functions on tensors."""
