# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Augmentation as pure functions on tensors."""
