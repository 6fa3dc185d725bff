# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""ROS node: camera images in; mask, confidence, pictures, metric depth and points out.

A lifecycle node: configure loads the model, activate listens.  The executor's one thread
only hands messages over; inference and the loading of other models have threads of their
own, so that parameters and lifecycle services are answered meanwhile.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.task import Future
from rclpy.timer import Timer

from famda_ros.camera_stream_node import CameraStream
from famda_ros.declare_parameters_node import declare_parameters
from famda_ros.errors import FamdaError
from famda_ros.frame_scheduler import FrameScheduler
from famda_ros.frame_statistics import DiagnosticLimits
from famda_ros.inference_worker import Frame, InferenceWorker
from famda_ros.model_card import ModelCard
from famda_ros.perception_diagnostics_node import PerceptionDiagnostics
from famda_ros.perception_parameters import PARAMETERS, camera_weights, check_choices, group
from famda_ros.profile_control import ProfileControl
from famda_ros.profile_service_node import ProfileService
from famda_ros.run_node import run_node
from famda_ros.student_switch import Attempt

LISTENER_PERIOD_S, REPORT_PERIOD_S = 0.2, 1.0
STOP_TIMEOUT_S = 1.0
"""So long a deactivation waits for the frame in hand; its answer is not published."""


class PerceptionNode(LifecycleNode):
    """Answers the newest images; those that come faster than the model can run are dropped.

    Attributes:
        finished: future with an exit code, set when the node cannot go on.
    """

    def __init__(self):
        """Declare parameters; with ``autostart`` configure and activate.

        Raises:
            FamdaError: with ``autostart``: a parameter or the model cannot be used.
        """
        super().__init__('perception')
        self.finished: Future = Future()
        self._fault, self._starting = '', False
        self._profiles: ProfileControl | None = None
        self._diagnostics: PerceptionDiagnostics | None = None
        self._weights: dict[str, float] = {}
        self._cameras: dict[str, CameraStream] = {}
        self._scheduler: FrameScheduler[Frame] | None = None
        self._worker: InferenceWorker | None = None
        self._unfinished: list[Callable[[], bool]] = []
        self._report_timer: Timer | None = None
        self._listener_timer: Timer | None = None
        self._values = declare_parameters(self, PARAMETERS, writable=['profile'])
        self.add_on_set_parameters_callback(self._on_parameters)
        self._profile_service = ProfileService(self, self._switch)
        if self._values['autostart']:
            self._autostart()

    def _autostart(self) -> None:
        self._starting = True
        for transition in (self.trigger_configure, self.trigger_activate):
            if transition() != TransitionCallbackReturn.SUCCESS:
                raise FamdaError(self._fault)
        self._starting = False

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model and create the outputs."""
        return self._guarded(self._configure, self._release)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Listen to the cameras, as soon as somebody listens to an answer."""
        return self._guarded(self._activate, self._deactivate)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Leave the cameras; the model stays."""
        self._deactivate()
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of model and outputs."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of everything, and end the process."""
        self._release()
        self.finished.set_result(0)
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Go back to unconfigured."""
        return self.on_cleanup(state)

    def _guarded(self, step: Callable[[], None], undo: Callable[[], None]) -> TransitionCallbackReturn:
        """Make a transition; what goes wrong is undone and is its result; the reason is kept and logged."""
        try:
            step()
        except FamdaError as error:
            self._fault = str(error)
        except Exception as error:  # rclpy would swallow it without a word
            self._fault = f'{type(error).__name__}: {error}'
        else:
            return TransitionCallbackReturn.SUCCESS
        undo()
        if not self._starting:  # else the process ends with it
            self.get_logger().error(self._fault)
        return TransitionCallbackReturn.FAILURE

    def _configure(self) -> None:
        values = self._values = {parameter.name: self.get_parameter(parameter.name).value for parameter in PARAMETERS}
        check_choices(values)
        self._weights = camera_weights(values['cameras'], values['camera_weights'])
        self._profiles = ProfileControl(values, self._on_switch, self._log)
        compressed = values['image_transport'] == 'compressed'
        self._cameras = {name: CameraStream(self, name, compressed, values['points.stride']) for name in self._weights}
        self._diagnostics = PerceptionDiagnostics(self)
        self._set_limits()
        self._report_timer = self._steady_timer(REPORT_PERIOD_S, self._report)

    def _activate(self) -> None:
        assert self._profiles is not None
        if self.stuck:  # a student answers one thread at a time
            raise FamdaError('an inference from before still goes on; activate again when it has ended')
        profiles, card = self._profiles, self._profiles.student.card
        scheduler = self._scheduler = FrameScheduler(self._weights)
        self._worker = InferenceWorker(
            self._cameras, scheduler, lambda: profiles.settings, profiles.measured, self._on_crash
        )
        self._publish_labels(card)
        for camera in self._cameras.values():
            camera.start(scheduler.put)
        self._listener_timer = self._steady_timer(LISTENER_PERIOD_S, self._update_cameras)
        self.get_logger().info(
            f"model '{card.name}' on {profiles.student.provider}, {card.network_width}x{card.network_height}, "
            f"profile '{profiles.settings.profile or 'none'}'; waiting for images"
        )

    def _deactivate(self) -> None:
        if self._listener_timer is not None:
            self.destroy_timer(self._listener_timer)
            self._listener_timer = None
        for camera in self._cameras.values():
            camera.stop()
        worker, self._worker, self._scheduler = self._worker, None, None
        if worker is not None:
            worker.stop(STOP_TIMEOUT_S)
            self._unfinished.append(lambda: worker.running)
            if worker.running and self.context.ok():
                self.get_logger().warning(f'an inference took more than {STOP_TIMEOUT_S} s; its answer is thrown away')

    @property
    def stuck(self) -> bool:
        """Whether an inference, or the loading of a model, goes on that should have ended."""
        self._unfinished = [goes_on for goes_on in self._unfinished if goes_on()]
        return bool(self._unfinished)

    def _release(self) -> None:
        self._deactivate()
        if self._report_timer is not None:
            self.destroy_timer(self._report_timer)
            self._report_timer = None
        profiles = self._profiles
        if profiles is not None:
            self._unfinished.append(lambda: profiles.loading)
        for entity in (*self._cameras.values(), self._diagnostics, profiles):
            if entity is not None:
                entity.close()
        self._cameras, self._diagnostics, self._profiles = {}, None, None

    def _steady_timer(self, period_s: float, callback: Callable[[], None]) -> Timer:
        # Steady: a stuck node or a stopped /clock must not silence the report.
        return self.create_timer(period_s, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _update_cameras(self) -> None:
        for camera in self._cameras.values():
            camera.update()

    def _report(self) -> None:
        if self._diagnostics is not None and self._profiles is not None:
            self._diagnostics.publish(self._profiles, self._cameras.values(), self._scheduler)

    def _on_crash(self, error: Exception) -> None:
        if self.context.ok():  # else the publishers are gone, because the node is being ended
            self.get_logger().fatal(f'inference stopped by {type(error).__name__}: {error}')
            self.finished.set_result(1)

    def _on_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        changed = {p.name: p.value for p in parameters if p.name in self._values}
        self._values = {**self._values, **changed}
        if self._profiles is not None:
            self._profiles.set_values(self._values)
        self._set_limits()
        return SetParametersResult(successful=True)

    def _log(self, sentence: str) -> None:
        self.get_logger().info(sentence)

    def _publish_labels(self, card: ModelCard) -> None:
        for camera in self._cameras.values():
            camera.publish_labels(card)

    def _set_limits(self) -> None:
        for camera in self._cameras.values():
            camera.statistics.limits = DiagnosticLimits(**group(self._values, 'diagnostics'))

    def _switch(self, profile: str) -> Attempt:
        if self._profiles is None:
            raise FamdaError('the node is not configured; configure it first')
        return self._profiles.begin(profile)

    def _on_switch(self, attempt: Attempt) -> None:
        """Tell about a switch that has ended; runs in the thread of the switch."""
        profiles = self._profiles
        if profiles is None or not self.context.ok():
            return
        name = attempt.profile or 'none'
        if attempt.fault:
            self.get_logger().error(f"the profile '{name}' was refused: {attempt.fault}")
            return
        self.get_logger().info(f"profile '{name}' with model '{profiles.student.card.name}'")
        if self._scheduler is not None:
            self._publish_labels(profiles.student.card)

    def destroy_node(self) -> None:
        """End the inference thread, then the node."""
        self._release()
        super().destroy_node()


def main(args: list[str] | None = None) -> int:
    """Run the node; returns the exit code."""
    return run_node('perception_node', PerceptionNode, args)


if __name__ == '__main__':
    sys.exit(main())
