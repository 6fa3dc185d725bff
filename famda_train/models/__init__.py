# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Networks: students of any encoder and decoder, and the stand-in depth teacher."""
