# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoint to ONNX: graph passes, precision, parity."""
