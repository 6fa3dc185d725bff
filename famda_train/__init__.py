# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The workspace of FAMDA: worlds, teachers, adaptation, evaluation, export."""
