# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Declare parameters on a node, with their limits and descriptions."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from famda_ros.profiles.parameters import Parameter


def declare_parameters(node: Node, parameters: Iterable[Parameter], writable: Collection[str] = ()) -> dict[str, Any]:
    """Declare parameters; return their values by name.

    Args:
        node: who has them.
        parameters: what to declare; those that are not live become read-only.
        writable: names of others that the node itself writes, and guards by a callback.
    """
    return {
        parameter.name: node.declare_parameter(
            parameter.name,
            parameter.default,
            descriptor_of(parameter, read_only=not parameter.live and parameter.name not in writable),
        ).value
        for parameter in parameters
    }


def descriptor_of(parameter: Parameter, read_only: bool) -> ParameterDescriptor:
    """Return the descriptor of a parameter."""
    descriptor = ParameterDescriptor(
        description=parameter.description,
        read_only=read_only,
        additional_constraints=f'one of {", ".join(parameter.choices)}' if parameter.choices else '',
    )
    limits = {'from_value': parameter.minimum, 'to_value': parameter.maximum}
    if isinstance(parameter.default, float):
        descriptor.floating_point_range = [FloatingPointRange(step=0.0, **limits)]
    elif isinstance(parameter.default, int) and not isinstance(parameter.default, bool):
        descriptor.integer_range = [IntegerRange(step=1, **limits)]
    return descriptor
