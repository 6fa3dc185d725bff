# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Parameters, profile files, and the switch between profiles."""
