# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The student on the robot: model card, ONNX Runtime, resize, units and colours."""
