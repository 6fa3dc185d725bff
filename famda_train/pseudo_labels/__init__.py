# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Pseudo-labels as pure functions on tensors: mask vote, class prior, depth alignment."""
