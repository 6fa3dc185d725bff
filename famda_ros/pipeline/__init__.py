# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""From an image to everything that is published about it; without ROS."""
