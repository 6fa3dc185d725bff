# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""How the bench and the node that loads the perception node talk: by files in a folder, without ROS.

The bench writes :data:`COMMAND`: {"number": counted from 1, "rate": frames per second, 0 = as fast as outputs
come, "seconds": how long}.  When the last output came, the node writes :data:`REPORT`: {"number", "start" and
"end" (monotonic seconds between which frames were sent), "sent": [stamp_ns, ...], "outputs": {topic: [[stamp_ns,
received_ns], ...]}} (nanoseconds of one clock).  :data:`READY` is there when the perception node listens.
"""

from __future__ import annotations

from famda_ros.topics import CONFIDENCE, DEPTH, MASK

COMMAND, REPORT, READY = 'command.json', 'report.json', 'ready'

OUTPUTS = (MASK, CONFIDENCE, DEPTH)
"""What the load listens to, in the order in which the node publishes it."""
