#!/bin/bash
# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
# Runs a command with ROS 2 and the workspace sourced.
set -e
source "/opt/ros/$ROS_DISTRO/setup.bash"
source /ws/install/setup.bash
exec "$@"
