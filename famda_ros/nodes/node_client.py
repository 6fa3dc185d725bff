# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Talks to a running perception node: status, profile, rollback, parameters; for machines without ros2cli."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import GetState
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterType, ParameterValue
from rcl_interfaces.srv import GetParameters, ListParameters, SetParametersAtomically
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.parameter import parameter_value_to_python
from std_srvs.srv import Trigger

from famda_ros.errors import FamdaError
from famda_ros.nodes.profile_service import FORCE, PARAMETER

SET_PROFILE, ROLLBACK = 'set_profile', 'rollback'
SETTLE_S = 1.5
"""So long nothing new must be discovered before the one node that was found is the only one."""
REMIND_S = 10.0
"""One who waits for a model to be loaded hears of it so often."""
LEVELS = ('ok', 'warn', 'error', 'stale')
"""Names of the levels of diagnostic_msgs/DiagnosticStatus."""


class NodeClient:
    """A client of one perception node; a context manager.

    Attributes:
        name: full name of the node.
    """

    def __init__(self, name: str | None = None, timeout_s: float = 10.0, say: Callable[[str], None] = print):
        """Find the node.

        Args:
            name: of the node, '/perception'; None = the only one there is.
            timeout_s: seconds to wait for it, and for each of its answers that should come at once.
            say: takes a sentence now and then while something takes long.

        Raises:
            FamdaError: there is no such node, or there are several and none is named.
        """
        self._timeout_s, self._say = timeout_s, say
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self._node = rclpy.create_node(f'famda_client_{os.getpid()}', context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        try:
            self.name = self._find(None if name is None else f'/{name.lstrip("/")}')
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> NodeClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        self._node.destroy_node()
        self._context.try_shutdown()

    def status(self) -> dict[str, Any]:
        """Return ``node``, ``state`` (of the lifecycle), and ``statuses``: by name ``level``, ``message``, ``values``.

        Raises:
            FamdaError: the node does not answer.
        """
        state = self._call(GetState, 'get_state', GetState.Request()).current_state.label
        statuses: dict[str, Any] = {}
        if state in ('active', 'inactive'):  # else it has nothing to report
            subscription = self._node.create_subscription(
                DiagnosticArray, '/diagnostics', lambda message: statuses.update(self._own(message)), 10
            )
            found = self._spin_until(lambda: statuses, self._timeout_s)
            self._node.destroy_subscription(subscription)
            if not found:
                raise FamdaError(f'{self.name} is {state}, but sent no diagnostics within {self._timeout_s:g} s')
        return {'node': self.name, 'state': state, 'statuses': statuses}

    def set_profile(self, profile: str, force: bool = False) -> str:
        """Switch to a profile, 'auto' or '' (none); return what the node says about it, '' = nothing.

        Args:
            profile: name, or path on the node's machine.
            force: switch even where the new student is less sure.

        Raises:
            FamdaError: the node refuses, with its reason.
        """
        values = {PARAMETER: ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=profile)}
        if force:
            values[FORCE] = ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=True)
        parameters = [ParameterMessage(name=name, value=value) for name, value in values.items()]
        request = SetParametersAtomically.Request(parameters=parameters)
        result = self._call(SetParametersAtomically, SET_PROFILE, request, patient=True).result
        if not result.successful:
            raise FamdaError(f'{self.name} refuses: {result.reason}')
        return result.reason

    def roll_back(self) -> str:
        """Go back to the profile before; return which it is.

        Raises:
            FamdaError: the node refuses, with its reason.
        """
        answer = self._call(Trigger, ROLLBACK, Trigger.Request(), patient=True)
        if not answer.success:
            raise FamdaError(f'{self.name} refuses: {answer.message}')
        return answer.message

    def parameters(self) -> dict[str, Any]:
        """Return the values of all parameters by name.

        Raises:
            FamdaError: the node does not answer.
        """
        names = sorted(self._call(ListParameters, 'list_parameters', ListParameters.Request()).result.names)
        values = self._call(GetParameters, 'get_parameters', GetParameters.Request(names=names)).values
        return {name: _plain(parameter_value_to_python(value)) for name, value in zip(names, values, strict=True)}

    def _find(self, name: str | None) -> str:
        """Return the full name of the node, once it is there."""
        if not self._spin_until(lambda: name in self._nodes() if name else self._nodes(), self._timeout_s):
            domain = os.environ.get('ROS_DOMAIN_ID', '0')
            others = ', '.join(self._nodes())
            raise FamdaError(
                f'no perception node {f"{name} " if name else ""}answers within {self._timeout_s:g} s in ROS domain '
                f'{domain}; {f"there is {others}" if others else "start one, or set ROS_DOMAIN_ID as it has it"}'
            )
        if name:
            return name
        graph: list[str] = []
        while graph != (graph := self._node.get_node_names()):
            self._spin_until(lambda: False, SETTLE_S)
        nodes = self._nodes()
        if len(nodes) > 1:
            raise FamdaError(f'there are {len(nodes)} perception nodes, {", ".join(nodes)}; choose one with --node')
        return nodes[0]

    def _nodes(self) -> list[str]:
        """Return the full names of the perception nodes in the graph: those that offer ~/set_profile."""
        suffix, kind = f'/{SET_PROFILE}', 'rcl_interfaces/srv/SetParametersAtomically'
        services = self._node.get_service_names_and_types()
        return sorted(name.removesuffix(suffix) for name, kinds in services if name.endswith(suffix) and kind in kinds)

    def _own(self, message: DiagnosticArray) -> dict[str, Any]:
        """Return the statuses of a message that are of the node, by what they are about."""
        prefix = f'{self.name.lstrip("/")}: '
        return {
            status.name.removeprefix(prefix): {
                'level': LEVELS[status.level[0]],
                'message': status.message,
                'values': {pair.key: pair.value for pair in status.values},
            }
            for status in message.status
            if status.name.startswith(prefix)
        }

    def _call(self, kind: Any, service: str, request: Any, patient: bool = False) -> Any:
        """Return the answer of a service of the node.

        Args:
            kind: type of the service.
            service: its name below that of the node.
            request: what is asked.
            patient: wait as long as the node is there; it may load a model.

        Raises:
            FamdaError: no answer comes.
        """
        client: Any = self._node.create_client(kind, f'{self.name}/{service}')
        try:
            if not self._spin_until(client.service_is_ready, self._timeout_s):
                raise FamdaError(f'{self.name} offers no service {service}; is it another version, or ending?')
            future, start = client.call_async(request), time.monotonic()
            while not self._spin_until(future.done, REMIND_S if patient else self._timeout_s):
                seconds = time.monotonic() - start
                if not patient or not client.service_is_ready():
                    raise FamdaError(f'{self.name} does not answer {service} after {seconds:.0f} s; look into its log')
                self._say(f'{self.name} is at it: {seconds:.0f} s so far')
            return future.result()
        finally:
            self._node.destroy_client(client)

    def _spin_until(self, condition: Callable[[], Any], seconds: float) -> bool:
        """Let messages in until a condition is true; tell whether it came to be within some seconds.

        Raises:
            KeyboardInterrupt: the process shall end.
        """
        end = time.monotonic() + seconds
        try:
            while not condition():
                if time.monotonic() >= end:
                    return False
                self._executor.spin_once(timeout_sec=0.05)
        except ExternalShutdownException:
            raise KeyboardInterrupt from None
        return True


def _plain(value: Any) -> Any:
    """Return a parameter's value as JSON has it: lists instead of arrays."""
    return list(value) if not isinstance(value, (str, bool, int, float, type(None))) else value
