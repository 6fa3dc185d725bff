# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What benchmarks and tests play through a node, and what they check; no robot needs it."""
