# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What watches a training: checkpoints to resume from, pictures to look at."""
