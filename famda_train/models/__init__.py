# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Networks: the light student and the stand-in depth teacher."""
