# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Numbers: protocols, metrics, and one function that scores anything."""
