# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The whole loop on the built-in street world, and its report."""
