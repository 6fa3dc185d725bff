# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""ROS messages and recordings as arrays and back; without rclpy."""
