# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The service ~/set_profile: switch to another profile while frames flow."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator

from rcl_interfaces.msg import ParameterType, SetParametersResult
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.parameter import Parameter

from famda_ros.errors import FamdaError
from famda_ros.profiles.student_switch import Attempt

PARAMETER = 'profile'


class ProfileService:
    """Takes requests, and answers when the switch has succeeded or failed.

    The parameter ``profile`` follows; it cannot be set in any other way.
    """

    def __init__(self, node: Node, begin: Callable[[str], Attempt]):
        """Create the service.

        Args:
            node: owner of service and parameter.
            begin: starts a switch; raises FamdaError.
        """
        self._node = node
        self._begin = begin
        self._granted: str | None = None
        node.add_on_set_parameters_callback(self._on_parameters)
        # A group of its own, and reentrant: a request that waits must hold up nothing, not even the next request.
        node.create_service(
            SetParametersAtomically, '~/set_profile', self._on_request, callback_group=ReentrantCallbackGroup()
        )

    async def _on_request(
        self, request: SetParametersAtomically.Request, response: SetParametersAtomically.Response
    ) -> SetParametersAtomically.Response:
        try:
            profile = profile_of(request)
            attempt = self._begin(profile)
            while not attempt.done.is_set():
                await _Pause()
            if attempt.fault:
                raise FamdaError(attempt.fault)
        except FamdaError as error:
            response.result.reason = str(error)
        else:
            response.result.successful = True
            self._granted = profile
            self._node.set_parameters([Parameter(PARAMETER, value=profile)])
        return response

    def _on_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        if any(p.name == PARAMETER and p.value != self._granted for p in parameters):
            return SetParametersResult(successful=False, reason='the profile is changed by the service ~/set_profile')
        return SetParametersResult(successful=True)


def profile_of(request: SetParametersAtomically.Request) -> str:
    """Return the one text parameter ``profile`` of a request.

    Raises:
        FamdaError: other parameters, or one of another type.
    """
    if [p.name for p in request.parameters] != ['profile']:
        raise FamdaError("give exactly one parameter, 'profile'")
    value = request.parameters[0].value
    if value.type != ParameterType.PARAMETER_STRING:
        raise FamdaError("the parameter 'profile' must be a text (type 4, string_value)")
    return value.string_value


class _Pause:
    """To be awaited: lets the executor do its other work.

    rclpy polls a suspended callback without a break; the short sleep keeps the processor
    free for the model that is being loaded.
    """

    def __await__(self) -> Generator[None, None, None]:
        time.sleep(0.005)
        yield
