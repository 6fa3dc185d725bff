# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Lightning modules, tasks, data module and callbacks."""
