# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Everything that imports rclpy: the nodes and their helpers."""
