# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Fills label stores, in this process, in local processes or on Ray."""
