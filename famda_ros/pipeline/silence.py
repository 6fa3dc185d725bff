# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Why nothing arrives at a topic, from what the ROS graph shows of it; pure functions, without ROS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from famda_ros.messages.bag_types import CAMERA_INFO, COMPRESSED_IMAGE, IMAGE
from famda_ros.topics import COMPRESSED

MOST_NAMED = 6
"""Topics that are listed."""
OTHER_TRANSPORTS = ('compressedDepth', 'draco', 'ffmpeg', 'foxglove', 'theora', 'zstd')
"""Names of image_transport plugins that the node cannot read."""


@dataclass(frozen=True)
class Offer:
    """A publisher as the graph shows it.

    Attributes:
        node: full name of the node that has it.
        kind: message type, such as 'sensor_msgs/msg/Image'.
        qos_fault: why its quality of service does not fit the subscription; '' = it does.
    """

    node: str
    kind: str
    qos_fault: str = ''


def silence_reason(
    topic: str, kind: str, offers: Iterable[Offer], others: Mapping[str, Iterable[str]], prefix: str = ''
) -> str:
    """Return in one sentence why no message arrives at a topic, and the cure.

    Args:
        topic: full name of what is subscribed to.
        kind: message type that is subscribed to: that of an image, a compressed image or a calibration.
        offers: publishers of the topic.
        others: {topic: message types} of all topics that another node publishes.
        prefix: of the names of the camera's inputs, such as 'front/', for the remapping that helps.
    """
    offers = list(offers)
    fitting = [offer for offer in offers if offer.kind == kind]
    heard = [offer for offer in fitting if not offer.qos_fault]
    if heard:
        return (
            f"{_nodes(heard)} publishes '{topic}' but sends nothing: check the camera and its driver, and that its "
            'messages get through the network'
        )
    if fitting:
        return (
            f"{_nodes(fitting)} publishes '{topic}' with a quality of service that does not fit "
            f'({fitting[0].qos_fault}): change it there or by qos_overrides.{topic}.subscription'
        )
    if offers:
        wrong = f"{_nodes(offers)} publishes '{topic}' as {offers[0].kind}, not as {kind}"
        return f'{wrong}: {_other_kind(topic, kind, offers[0].kind, prefix)}'
    there = {name: set(types) for name, types in others.items()}
    where = _calibrations(there, prefix) if kind == CAMERA_INFO else _images(topic, kind, there, prefix)
    return f"nobody publishes '{topic}': {where}"


def _nodes(offers: list[Offer]) -> str:
    names = sorted({offer.node for offer in offers})
    return names[0] if len(names) == 1 else f'{names[0]} (and {len(names) - 1} more)'


def _other_kind(topic: str, kind: str, there: str, prefix: str) -> str:
    """Return the cure where the topic carries another message type."""
    base = topic.removesuffix(COMPRESSED)
    if (kind, there) == (IMAGE, COMPRESSED_IMAGE) and topic.endswith(COMPRESSED):
        return f'remap {prefix}image:={base} and set image_transport:=compressed'
    if (kind, there) == (IMAGE, COMPRESSED_IMAGE):
        return f'set image_transport:=compressed and remap {prefix}image/compressed:={topic}'
    if (kind, there) == (COMPRESSED_IMAGE, IMAGE):
        return f'set image_transport:=raw and remap {prefix}image:={topic}'
    return 'remap to the topic of the camera'


def _calibrations(others: dict[str, set[str]], prefix: str) -> str:
    """Return where else calibrations may be, and what to do to get one."""
    infos = sorted(name for name, types in others.items() if CAMERA_INFO in types)
    if not infos:
        return 'no calibration is published anywhere; have the driver of the camera load one'
    return f'calibrations are on {_listed(infos)}; remap to one of them, such as {prefix}camera_info:={infos[0]}'


def _images(topic: str, kind: str, others: dict[str, set[str]], prefix: str) -> str:
    """Return where else images may be, and what to do to get them."""
    base = topic.removesuffix(COMPRESSED) if kind == COMPRESSED_IMAGE else topic
    at_base = others.get(base, set())
    if kind == COMPRESSED_IMAGE and COMPRESSED_IMAGE in at_base:  # the transport added its name once more
        return f"'{base}' is the compressed topic; remap {prefix}image:={base.removesuffix(COMPRESSED)}"
    if kind == COMPRESSED_IMAGE and IMAGE in at_base:
        return f"'{base}' is published as {IMAGE}; set image_transport:=raw"
    if kind == IMAGE and COMPRESSED_IMAGE in others.get(base + COMPRESSED, set()):
        return f"'{base}{COMPRESSED}' is published; set image_transport:=compressed"
    if transport := _transport(base, others):
        return (
            f"only '{base}/{transport}' is published, which the node does not read; bring it to raw: ros2 run "
            f'image_transport republish --ros-args -p in_transport:={transport} -p out_transport:=raw '
            f'-r in/{transport}:={base}/{transport} -r out:={base}'
        )
    images = [name for name, types in others.items() if types & {IMAGE, COMPRESSED_IMAGE}]
    images = sorted((name for name in images if not name.endswith('/compressedDepth')), key=_colour_first)
    if not images:
        return (
            'no image is published anywhere; start the driver of the camera, and check that its ROS_DOMAIN_ID and '
            'ROS_AUTOMATIC_DISCOVERY_RANGE are those of this node'
        )
    return f'images are on {_listed(images)}; remap to one of them, such as {_inputs(images[0], others, prefix)}'


def _transport(base: str, others: dict[str, set[str]]) -> str | None:
    """Return the name of a transport that publishes an image, None where there is none."""
    for topic in sorted(others):
        name = topic.removeprefix(f'{base}/')
        if name != topic and '/' not in name and (name in OTHER_TRANSPORTS or 'Packet' in ''.join(others[topic])):
            return name
    return None


def _colour_first(name: str) -> tuple[bool, str]:
    return 'depth' in name or 'disparity' in name, name


def _inputs(topic: str, others: dict[str, set[str]], prefix: str) -> str:
    """Return the settings with which the node reads a topic."""
    if IMAGE in others[topic]:
        return f'{prefix}image:={topic} with image_transport:=raw'
    if topic.endswith(COMPRESSED):
        return f'{prefix}image:={topic.removesuffix(COMPRESSED)} with image_transport:=compressed'
    return f'{prefix}image/compressed:={topic} with image_transport:=compressed'


def _listed(names: list[str]) -> str:
    more = f' and {len(names) - MOST_NAMED} more' if len(names) > MOST_NAMED else ''
    return ', '.join(f"'{name}'" for name in names[:MOST_NAMED]) + more
