# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The robot's side of FAMDA: camera image in, labels, confidence and metric depth out."""

__version__ = '0.1.0'
