# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Self-training on an unlabelled domain: pure functions, and the Lightning module that wires them."""
