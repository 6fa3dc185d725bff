# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What watches a training: checkpoints to go on from, pictures to look at."""
