# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The services ~/set_profile and ~/rollback: switch to another profile, or back, while frames flow."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator

from rcl_interfaces.msg import ParameterType, SetParametersResult
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from famda_ros.errors import FamdaError
from famda_ros.profiles.student_switch import Attempt

PARAMETER, FORCE = 'profile', 'force'


class ProfileService:
    """Takes requests, and answers when the switch has succeeded or failed.

    The parameter ``profile`` follows; it cannot be set in any other way.
    """

    def __init__(self, node: Node, begin: Callable[[str, bool], Attempt], begin_rollback: Callable[[], Attempt]):
        """Create the services.

        Args:
            node: owner of services and parameter.
            begin: starts a switch to a profile, by force or not; raises FamdaError.
            begin_rollback: starts a switch back; raises FamdaError.
        """
        self._node = node
        self._begin = begin
        self._begin_rollback = begin_rollback
        self._granted: str | None = None
        node.add_on_set_parameters_callback(self._on_parameters)
        # A group of its own, and reentrant: a request that waits must hold up nothing, not even the next request.
        group = ReentrantCallbackGroup()
        node.create_service(SetParametersAtomically, '~/set_profile', self._on_request, callback_group=group)
        node.create_service(Trigger, '~/rollback', self._on_rollback, callback_group=group)

    async def _on_request(
        self, request: SetParametersAtomically.Request, response: SetParametersAtomically.Response
    ) -> SetParametersAtomically.Response:
        try:
            attempt = self._begin(*profile_of(request))
            await self._end_of(attempt)
        except FamdaError as error:
            response.result.reason = str(error)
        else:
            response.result.successful, response.result.reason = True, attempt.note
        return response

    async def _on_rollback(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            attempt = self._begin_rollback()
            await self._end_of(attempt)
        except FamdaError as error:
            response.message = str(error)
        else:
            response.success = True
            response.message = f"the profile '{attempt.profile or 'none'}' with the model that it had"
        return response

    async def _end_of(self, attempt: Attempt) -> None:
        """Wait for the end of a switch; let the parameter follow.

        Raises:
            FamdaError: it failed.
        """
        while not attempt.done.is_set():
            await _Pause()
        if attempt.fault:
            raise FamdaError(attempt.fault)
        self._granted = attempt.requested
        self._node.set_parameters([Parameter(PARAMETER, value=attempt.requested)])

    def _on_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        if any(p.name == PARAMETER and p.value != self._granted for p in parameters):
            return SetParametersResult(successful=False, reason='the profile is changed by the service ~/set_profile')
        return SetParametersResult(successful=True)


def profile_of(request: SetParametersAtomically.Request) -> tuple[str, bool]:
    """Return the parameters ``profile``, a text, and ``force`` (left out = false), of a request.

    Raises:
        FamdaError: other parameters, or one of another type.
    """
    values = {parameter.name: parameter.value for parameter in request.parameters}
    if len(values) != len(request.parameters) or not {PARAMETER} <= set(values) <= {PARAMETER, FORCE}:
        raise FamdaError("give exactly one parameter 'profile', and 'force' beside it where it is wanted")
    profile, force = values[PARAMETER], values.get(FORCE)
    if profile.type != ParameterType.PARAMETER_STRING:
        raise FamdaError("the parameter 'profile' must be a text (type 4, string_value)")
    if force is not None and force.type != ParameterType.PARAMETER_BOOL:
        raise FamdaError("the parameter 'force' must be true or false (type 1, bool_value)")
    return profile.string_value, force is not None and force.bool_value


class _Pause:
    """To be awaited: lets the executor do its other work.

    rclpy polls a suspended callback without a break; the short sleep keeps the processor
    free for the model that is being loaded.
    """

    def __await__(self) -> Generator[None, None, None]:
        time.sleep(0.005)
        yield
