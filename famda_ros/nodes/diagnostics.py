# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""/diagnostics of the perception node: one status for the model and one for each camera."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

import onnxruntime
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.lifecycle import LifecycleNode

from famda_ros.nodes.camera_stream import CameraStream
from famda_ros.nodes.transform_listener import TransformListener
from famda_ros.pipeline.camera_report import OK, WARN, Report
from famda_ros.pipeline.scheduler import FrameScheduler
from famda_ros.pipeline.worker import Frame
from famda_ros.profiles.parameters import MODEL_STATUS
from famda_ros.profiles.profile_control import ProfileControl
from famda_ros.student.providers import loads_in_background

RUNTIME = onnxruntime.__version__
if not loads_in_background():
    RUNTIME += ' (older than 1.31: another process prepares a model when it is loaded first)'


class PerceptionDiagnostics:
    """Publishes what the node knows about itself."""

    def __init__(self, node: LifecycleNode):
        """Create the publisher, and listen to transforms."""
        self._node = node
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._transforms = TransformListener(node)

    def close(self) -> None:
        """Destroy the publisher; leave the transforms."""
        self._transforms.close()
        self._node.destroy_publisher(self._publisher)

    def publish(
        self, profiles: ProfileControl, cameras: Iterable[CameraStream], scheduler: FrameScheduler[Frame] | None
    ) -> None:
        """Report now.

        Args:
            profiles: the active student and profile.
            cameras: all cameras.
            scheduler: gives the drops; None = the node is not active.
        """
        node = self._node.get_fully_qualified_name().lstrip('/')
        provider = profiles.student.provider
        model = model_report(profiles, scheduler is not None)
        array = DiagnosticArray(status=[_status(f'{node}: {MODEL_STATUS}', provider, model)])
        if scheduler is not None:
            for camera in cameras:
                mounted = self._transforms.height(camera.frame_id)
                state = camera_report(camera, scheduler, profiles.student.card.focal is not None)
                report = camera.road.added_to(state, mounted)
                array.status.append(_status(f'{node}: {camera.name or "camera"}', camera.image_topic, report))
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(array)


def model_report(profiles: ProfileControl, active: bool) -> Report:
    """Return what there is to say about model and profile."""
    student, card = profiles.student, profiles.student.card
    values = {
        'state': 'active' if active else 'inactive',
        'model': card.name,
        'model_file': str(student.path),
        'weights_sha256': card.weights_sha256,
        'domain': card.domain,
        'label_space': card.label_space.name,
        'precision': card.precision,
        'provider': student.provider,
        'onnxruntime': RUNTIME,
        'providers_passed_over': '; '.join(f'{name}: {why}' for name, why in student.passed_over.items()) or 'none',
        'outputs': ', '.join(card.outputs),
        'depth_scale': f'{profiles.settings.depth_scale:.3f}' if card.gives('depth') else 'n/a',
        'agreement_with_cpu': str(student.agreement) if student.agreement else 'n/a',
        **profiles.describe(),
    }
    if profiles.fault:
        return Report(WARN, f'the last switch of the profile failed: {profiles.fault}', values)
    return Report(OK, values['state'], values)


def camera_report(camera: CameraStream, scheduler: FrameScheduler[Frame], focal_needed: bool) -> Report:
    """Return the state of one camera; ``focal_needed``: whether metres depend on its focal length."""
    return camera.statistics.report(time.monotonic(), scheduler.dropped(camera.name), camera.focal, focal_needed)


def _status(name: str, hardware_id: str, report: Report) -> DiagnosticStatus:
    return DiagnosticStatus(
        level=bytes([report.level]),
        name=name,
        message=report.message,
        hardware_id=hardware_id,
        values=_key_values(report.values),
    )


def _key_values(values: Mapping[str, str]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value) for key, value in values.items()]
