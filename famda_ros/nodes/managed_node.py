# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A lifecycle node that may start itself, and says why a transition failed."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.task import Future
from rclpy.timer import Timer

from famda_ros.errors import FamdaError


class ManagedNode(LifecycleNode):
    """Turns four steps, which a subclass has, into the transitions of the lifecycle.

    Attributes:
        finished: future with an exit code, set when the node cannot continue; its exception says what is wrong where
            the node could not start itself.
    """

    def __init__(self, name: str):
        """Create the node; :meth:`begin` is to follow."""
        super().__init__(name)
        self.finished: Future = Future()
        self._fault, self._starting = '', False
        self._start_timer: Timer | None = None

    def begin(self, autostart: bool) -> None:
        """Configure and activate as soon as the node is spun, or log how to do it from outside."""
        if autostart:
            self._start_timer = self._steady_timer(0.0, self._autostart)
        else:
            name = self.get_fully_qualified_name()
            self.get_logger().info(f"waiting for 'configure', as by: ros2 lifecycle set {name} configure")

    def _configure(self) -> None:
        raise NotImplementedError

    def _activate(self) -> None:
        raise NotImplementedError

    def _deactivate(self) -> None:
        raise NotImplementedError

    def _release(self) -> None:
        raise NotImplementedError

    def _autostart(self) -> None:
        if self._start_timer is None:
            return
        self.destroy_timer(self._start_timer)
        self._start_timer = None
        self._starting = True
        for transition in (self.trigger_configure, self.trigger_activate):
            if transition() != TransitionCallbackReturn.SUCCESS:
                self.finished.set_exception(FamdaError(self._fault))
                return
        self._starting = False

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Make ready what the node needs."""
        return self._guarded(self._configure, self._release)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to work."""
        return self._guarded(self._activate, self._deactivate)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop to work."""
        self._deactivate()
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of everything."""
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

    def _steady_timer(self, period_s: float, callback: Callable[[], None]) -> Timer:
        # Steady: a stuck node or a stopped /clock must not silence the report.
        return self.create_timer(period_s, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))
