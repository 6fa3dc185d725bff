# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The qos_overrides parameters of a topic, checked before anything is created with them."""

from __future__ import annotations

from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

from famda_ros.errors import FamdaError

CHOICES = {
    QoSPolicyKind.HISTORY: HistoryPolicy,
    QoSPolicyKind.RELIABILITY: ReliabilityPolicy,
    QoSPolicyKind.DURABILITY: DurabilityPolicy,
}


def overridable(
    node: Node, entity: str, topic: str, qos: QoSProfile, durability: bool = False
) -> QoSOverridingOptions:
    """Let users change history, depth and reliability of a topic, and say at once what they got wrong.

    rclpy would raise when the publisher or subscription is created, which may be much later.
    It takes over parameters that are declared already.

    Args:
        node: who has the topic.
        entity: 'publisher' or 'subscription'.
        topic: name as it is created with; it is remapped here.
        qos: what it has where nothing is overridden.
        durability: whether that may be changed, too.

    Raises:
        FamdaError: an override has a value that the policy does not have.
    """
    kinds = [QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY]
    kinds += [QoSPolicyKind.DURABILITY] if durability else []
    prefix = f'qos_overrides.{node.resolve_topic_name(topic)}.{entity}'
    values = {kind: _declare(node, f'{prefix}.{kind.name.lower()}', kind, qos) for kind in kinds}
    latched = values.get(QoSPolicyKind.DURABILITY) == 'transient_local'
    if entity == 'subscription' and latched and values[QoSPolicyKind.RELIABILITY] != 'reliable':
        raise FamdaError(f"{prefix}.durability 'transient_local' needs {prefix}.reliability 'reliable'; set both")
    return QoSOverridingOptions(kinds)


def input_qos() -> QoSProfile:
    """Return what inputs are subscribed to with: the newest message, from every kind of publisher."""
    return QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


def _declare(node: Node, name: str, kind: QoSPolicyKind, qos: QoSProfile) -> Any:
    """Declare one parameter, unless it is, and return its value."""
    default = getattr(qos, kind.name.lower())
    if not node.has_parameter(name):
        descriptor = ParameterDescriptor(description=f'{kind.name.lower()} of the topic', read_only=True)
        try:
            node.declare_parameter(name, default if kind == QoSPolicyKind.DEPTH else default.name.lower(), descriptor)
        except InvalidParameterTypeException as error:
            raise FamdaError(f'{name} has the wrong type; {_expected(kind)}') from error
    value = node.get_parameter(name).value
    known = value > 0 if kind == QoSPolicyKind.DEPTH else value in _choices(kind)
    if not known:
        raise FamdaError(f"{name} '{value}' is unknown; {_expected(kind)}")
    return value


def _expected(kind: QoSPolicyKind) -> str:
    if kind == QoSPolicyKind.DEPTH:
        return 'give a number of 1 or more'
    return f'choose one of {", ".join(_choices(kind))}'


def _choices(kind: QoSPolicyKind) -> list[str]:
    return [name for name in CHOICES[kind].short_keys() if name != 'unknown']
