# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""One module per verb of the ``famda`` command line."""
