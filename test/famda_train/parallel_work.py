# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Stand-in for a training in another process, which imports this file."""
import itertools

from famda_ros.errors import FamdaError


def count(parent, arguments, threads):
    """Report as many steps as the first argument says (below 0: without end), and that number as seconds."""
    if not arguments[0].lstrip('-').isdigit():
        raise FamdaError('no steps')
    steps = int(arguments[0])
    for step in itertools.count(1) if steps < 0 else range(1, steps + 1):
        parent.report(('step', step))
    parent.report(('seconds', steps))
