# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Labels by hand: clicks on cached masks, a brush, and a local page for both."""
