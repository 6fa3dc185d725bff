# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Program: print as JSON what a running node offers over DDS: parameters, topics, services, keys of its diagnostics.

Arguments: fully qualified name of the node, then image topics of it to listen to, because it subscribes to its inputs
only while somebody listens.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters
from rclpy.node import Node, NodeNameNonExistentError
from rclpy.parameter import parameter_value_to_python
from sensor_msgs.msg import Image

TIMEOUT_S = 20.0


def call(node: Node, kind, name: str, request):
    """Call a service and return its response."""
    client = node.create_client(kind, name)
    assert client.wait_for_service(TIMEOUT_S), f'no service {name}'
    future = client.call_async(request)
    rclpy.spin_until_future_complete(node, future, timeout_sec=TIMEOUT_S)
    assert future.done(), f'no answer of {name}'
    return future.result()


def parameters(node: Node, target: str) -> dict[str, dict]:
    """Return {name: value and descriptor}."""
    names = list(call(node, ListParameters, f'{target}/list_parameters', ListParameters.Request()).result.names)
    described = call(
        node, DescribeParameters, f'{target}/describe_parameters', DescribeParameters.Request(names=names)
    ).descriptors
    values = call(node, GetParameters, f'{target}/get_parameters', GetParameters.Request(names=names)).values
    result = {}
    for descriptor, value in zip(described, values, strict=True):
        limits = [*descriptor.floating_point_range, *descriptor.integer_range]
        plain = parameter_value_to_python(value)
        result[descriptor.name] = {
            'type': descriptor.type,
            'value': plain if isinstance(plain, (str, int, float, bool)) or plain is None else list(plain),
            'description': descriptor.description,
            'read_only': descriptor.read_only,
            'constraints': descriptor.additional_constraints,
            'limits': [limits[0].from_value, limits[0].to_value] if limits else [],
        }
    return result


def main() -> None:
    """Look at the node until it subscribes to an image."""
    target, *topics = sys.argv[1:]
    namespace, _, name = target.rpartition('/')
    namespace = namespace or '/'
    rclpy.init()
    node = Node('node_interface_probe')
    for topic in topics:
        node.create_subscription(Image, topic, lambda _: None, 1)
    diagnostics: dict[str, list[str]] = {}

    def on_diagnostics(message):
        diagnostics.update({status.name: [value.key for value in status.values] for status in message.status})

    node.create_subscription(DiagnosticArray, '/diagnostics', on_diagnostics, 10)
    seen = {'parameters': parameters(node, target), 'diagnostics': diagnostics, 'subscribes': {}}
    end = time.monotonic() + TIMEOUT_S
    while True:
        with contextlib.suppress(NodeNameNonExistentError):  # its services may be discovered before its name
            seen['subscribes'] = dict(node.get_subscriber_names_and_types_by_node(name, namespace))
        images = [t for t, types in seen['subscribes'].items() if types[0].endswith('Image')]
        if diagnostics and (images or not topics):
            break
        assert time.monotonic() < end, f'no diagnostics of {target}, or it subscribes to no image: {seen}'
        rclpy.spin_once(node, timeout_sec=0.1)
    seen['publishes'] = dict(node.get_publisher_names_and_types_by_node(name, namespace))
    seen['serves'] = dict(node.get_service_names_and_types_by_node(name, namespace))
    seen['qos'] = {
        topic: [info.qos_profile.reliability.name, info.qos_profile.durability.name, info.qos_profile.depth]
        for topics, infos in (
            (seen['publishes'], node.get_publishers_info_by_topic),
            (seen['subscribes'], node.get_subscriptions_info_by_topic),
        )
        for topic in topics
        for info in infos(topic)
        if (info.node_name, info.node_namespace) == (name, namespace)
    }
    print(json.dumps(seen))
    node.destroy_node()
    rclpy.try_shutdown()


if __name__ == '__main__':
    main()
