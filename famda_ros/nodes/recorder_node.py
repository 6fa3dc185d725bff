# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""ROS node: keeps the newest seconds in memory, and writes bags around triggers.

Subscriptions: what matches ``topics`` and not ``exclude``, found in the graph, as it is sent; raw images on topics that
match ``raw_topics`` and have no compressed sibling; the drift monitor's ``domain_topic`` (std_msgs/String).

Publishers: ``/diagnostics``.

Services: ``~/save`` (std_srvs/Trigger): records around now; the reply names the bag.

Parameters: :data:`PARAMETERS` below, with types, units and defaults.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.task import Future
from std_msgs.msg import String
from std_srvs.srv import Trigger

from famda_ros.errors import FamdaError
from famda_ros.messages.recording_folder import RecordingFolder
from famda_ros.messages.ring_buffer import BufferedMessage
from famda_ros.messages.triggered_recorder import ALWAYS, RecorderSettings, TriggeredRecorder
from famda_ros.nodes.declare_parameters import declare_parameters
from famda_ros.nodes.recorded_topics import EXPRESSIONS, RAW_TOPICS, RecordedTopics
from famda_ros.nodes.run_node import run_node
from famda_ros.pipeline.camera_report import ERROR, OK
from famda_ros.pipeline.drift import UNLIKE, UPSIDE_DOWN
from famda_ros.profiles.parameters import Parameter, check_choices
from famda_ros.topics import NOT_RECORDED, RECORDED

LOOK_PERIOD_S, REPORT_PERIOD_S = 0.5, 1.0
MEGABYTE, TOP = 10**6, 10**9

_SETTINGS = RecorderSettings()
PARAMETERS = (
    Parameter('folder', 'recordings', 'folder of the bags; one recorder has it'),
    Parameter('topics', RECORDED, 'regular expression that recorded topics match'),
    Parameter('exclude', NOT_RECORDED, 'regular expression that recorded topics do not match'),
    Parameter('raw_topics', RAW_TOPICS, "raw image topics to be compressed and recorded; '' = none"),
    Parameter('raw_format', 'jpeg', 'what raw images are compressed to', choices=('jpeg', 'png')),
    Parameter('jpeg_quality', 95, 'quality of JPEG', minimum=1, maximum=100),
    Parameter('on_drift', True, 'record when the drift monitor sees another domain'),
    Parameter('domain_topic', '/perception/domain', 'topic of the drift monitor'),
    Parameter('every_s', 0.0, 'record every so many seconds; 0 = not by schedule', minimum=0.0, maximum=1e6),
    Parameter('always', False, 'record all the time'),
    Parameter('pre_s', _SETTINGS.pre_s, 'seconds before a trigger', minimum=0.0, maximum=600.0),
    Parameter('post_s', _SETTINGS.post_s, 'seconds after a trigger', minimum=0.1, maximum=3600.0),
    Parameter('file_s', _SETTINGS.file_s, 'seconds per file; a killed recorder loses one', minimum=0.1, maximum=600.0),
    Parameter('bag_s', _SETTINGS.bag_s, 'a longer recording goes on in a new bag', minimum=1.0, maximum=86400.0),
    Parameter('buffer_mb', 512, 'memory for messages, megabytes', minimum=1, maximum=TOP),
    Parameter('most_mb', 20000, 'of all bags, megabytes; the oldest go first; 0 = no limit', minimum=0, maximum=TOP),
    Parameter('most_days', 0.0, 'older bags go; 0 = no limit', minimum=0.0, maximum=36500.0),
    Parameter('free_mb', 2000, 'nothing is written that leaves less on the disk, megabytes', minimum=0, maximum=TOP),
    Parameter('tags', [''], "key=value pairs in the metadata of every bag; [''] = none"),
)


class RecorderNode(Node):
    """Hands messages to a recorder that has a thread of its own.

    Attributes:
        finished: future with the exit code; never set.
    """

    def __init__(self):
        """Declare parameters, take the folder, begin to look for topics.

        Raises:
            FamdaError: a parameter makes no sense, or the folder cannot be written.
        """
        super().__init__('recorder')
        self.finished: Future = Future()
        self._recorder: TriggeredRecorder | None = None
        values = declare_parameters(self, PARAMETERS)
        check_choices(values, PARAMETERS)
        settings = RecorderSettings(
            values['pre_s'], values['post_s'], values['file_s'], values['bag_s'], values['buffer_mb'] * MEGABYTE,
            values['raw_format'], values['jpeg_quality'], tags_of(values['tags']),
        )  # fmt: skip
        self._folder = RecordingFolder(
            values['folder'], values['most_mb'] * MEGABYTE, values['most_days'] * 86400.0, values['free_mb'] * MEGABYTE
        )
        self._topics = RecordedTopics(self, self._put, **{name: values[name] for name in EXPRESSIONS})
        self._state, self._fault = '', ''
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self.create_service(Trigger, '~/save', self._on_save)
        if values['on_drift']:
            latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
            self.create_subscription(String, values['domain_topic'], self._on_domain, latched)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(LOOK_PERIOD_S, self._topics.look, clock=steady)
        self.create_timer(REPORT_PERIOD_S, self._report, clock=steady)
        if values['every_s'] > 0:
            self.create_timer(values['every_s'], lambda: self._trigger('schedule', ''), clock=steady)
        # Last: it has a thread, and nobody ends the thread of a node that could not be made.
        self._recorder = TriggeredRecorder(self._folder, settings, self._now, self._on_end)
        if values['always']:
            self._trigger(ALWAYS, '')
        self.get_logger().info(f"recording to '{self._folder.path.absolute()}'; waiting for topics")

    def _now(self) -> int:
        return self.get_clock().now().nanoseconds

    def _put(self, message: BufferedMessage) -> None:
        assert self._recorder is not None
        self._recorder.put(message)

    def _trigger(self, kind: str, reason: str) -> Path:
        assert self._recorder is not None
        idle = self._recorder.recording is None
        bag = self._recorder.trigger(kind, reason)
        self.get_logger().info(f"{'records' if idle else 'goes on recording'} '{bag.name}': {reason or kind}")
        return bag

    def _on_save(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = True, str(self._trigger('service', '').absolute())
        return response

    def _on_domain(self, message: String) -> None:
        try:
            content = json.loads(message.data)
            state, cameras = content['state'], content['cameras'].values()
            reason = next((camera['reason'] for camera in cameras if camera['state'] == state), state)
        except (ValueError, KeyError, TypeError, AttributeError):
            self.get_logger().warning('the domain topic holds no JSON of a drift monitor; it is left aside')
            return
        if state != self._state and state in (UNLIKE, UPSIDE_DOWN):
            self._trigger('drift', str(reason))
        self._state = state

    def _on_end(self, bag: Path) -> None:
        if self.context.ok():
            self.get_logger().info(f"recorded '{bag}'")

    def _report(self) -> None:
        recorder = self._recorder
        assert recorder is not None
        (seconds, count), recording = recorder.buffered, recorder.recording
        values = {
            'state': f'recording {recording.name}' if recording else 'waiting for a trigger',
            'topics': ', '.join(self._topics.names) or 'none',
            'buffered_s': f'{seconds:.1f}',
            'buffered_mb': f'{count / MEGABYTE:.1f}',
            'recordings': str(recorder.recordings),
            'recordings_removed': str(self._folder.removed),
            'messages_lost': str(recorder.lost),
            'images_malformed': str(recorder.malformed),
            'disk_mb': f'{self._folder.total_bytes() / MEGABYTE:.1f}',
            'free_mb': f'{self._folder.free_bytes() / MEGABYTE:.0f}',
        }
        if recorder.fault and recorder.fault != self._fault:
            self.get_logger().error(recorder.fault)
        self._fault = recorder.fault
        status = DiagnosticStatus(
            level=bytes([ERROR if recorder.fault else OK]),
            name=f'{self.get_fully_qualified_name().lstrip("/")}: recorder',
            message=recorder.fault or values['state'],
            hardware_id=str(self._folder.path),
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
        array = DiagnosticArray(status=[status])
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)

    def destroy_node(self) -> None:
        """Write what belongs to a recording, then end the node."""
        if self._recorder is not None:
            self._recorder.close()
        super().destroy_node()


def tags_of(pairs: list[str]) -> dict[str, str]:
    """Return the tags of key=value pairs.

    Raises:
        FamdaError: one is none.
    """
    tags = {}
    for pair in filter(None, pairs):
        if not re.fullmatch(r'[^=\s]+=[^=]+', pair):
            raise FamdaError(f"the tag '{pair}' must be key=value, with one '='")
        key, _, value = pair.partition('=')
        tags[key] = value
    return tags


def main(args: list[str] | None = None) -> int:
    """Run the node; returns the exit code."""
    return run_node('recorder_node', RecorderNode, args, PARAMETERS)


if __name__ == '__main__':
    sys.exit(main())
