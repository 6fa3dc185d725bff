# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""From a recording to a student for its place: frames out of recordings, one command for all steps, the gate."""
