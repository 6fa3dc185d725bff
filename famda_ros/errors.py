# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The one exception a user is meant to read."""


class FamdaError(Exception):
    """A fault with one clear sentence that says what is wrong and what to do.

    Command lines print the sentence and exit with code 2; nodes report it in the
    log and in diagnostics.  Anything else that is raised is a bug and keeps its
    traceback.
    """
