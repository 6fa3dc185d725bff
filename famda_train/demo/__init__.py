# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The demo: the whole loop on the street world, from rendering to a report."""
