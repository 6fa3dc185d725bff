# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

import pytest

from famda_ros.messages.bag_types import CAMERA_INFO, COMPRESSED_IMAGE, IMAGE
from famda_ros.pipeline.silence import Offer, silence_reason

RAW, JPEG, INFO = '/cam/image_raw', '/cam/image_raw/compressed', '/cam/camera_info'
FFMPEG = 'ffmpeg_image_transport_msgs/msg/FFMPEGPacket'


@pytest.mark.parametrize(
    ('topic', 'kind', 'others', 'reason'),
    [
        # the transport was forgotten
        (RAW, IMAGE, {JPEG: [COMPRESSED_IMAGE]}, f"'{JPEG}' is published; set image_transport:=compressed"),
        # it was named twice: in the remapping and as a parameter
        (f'{JPEG}/compressed', COMPRESSED_IMAGE, {JPEG: [COMPRESSED_IMAGE]}, f'compressed topic; remap image:={RAW}'),
        # the driver publishes raw images only
        (JPEG, COMPRESSED_IMAGE, {RAW: [IMAGE]}, f"'{RAW}' is published as {IMAGE}; set image_transport:=raw"),
        # another transport only
        (RAW, IMAGE, {f'{RAW}/ffmpeg': [FFMPEG]}, f'in_transport:=ffmpeg -p out_transport:=raw -r in/ffmpeg:={RAW}'),
        (JPEG, COMPRESSED_IMAGE, {f'{RAW}/theora': ['theora_image_transport/msg/Packet']}, 'in_transport:=theora'),
        (RAW, IMAGE, {f'{RAW}/av1': ['a/msg/Packet']}, f"only '{RAW}/av1' is published, which the node does not read"),
        (RAW, IMAGE, {f'{RAW}/compressedDepth': [COMPRESSED_IMAGE]}, 'only .*compressedDepth'),
        # the topic was not remapped
        ('/image', IMAGE, {RAW: [IMAGE]}, f"images are on '{RAW}'; remap to one of them, such as image:={RAW} with"),
        ('/image', IMAGE, {JPEG: [COMPRESSED_IMAGE]}, f'such as image:={RAW} with image_transport:=compressed'),
        ('/image', IMAGE, {'/jpeg': [COMPRESSED_IMAGE]}, 'such as image/compressed:=/jpeg with image_transport:=comp'),
        ('/image', IMAGE, {'/a/depth/image': [IMAGE], '/b/rgb/image': [IMAGE]}, 'such as image:=/b/rgb/image with'),
        ('/image', IMAGE, {f'/c{n}/image': [IMAGE] for n in range(9)}, "'/c5/image' and 3 more; remap"),
        # nobody is there
        ('/image', IMAGE, {'/chatter': ['std_msgs/msg/String']}, 'no image is published anywhere; .* ROS_DOMAIN_ID'),
        # the calibration
        ('/camera_info', CAMERA_INFO, {INFO: [CAMERA_INFO], RAW: [IMAGE]}, f'such as camera_info:={INFO}'),
        (INFO, CAMERA_INFO, {RAW: [IMAGE]}, 'no calibration is published anywhere'),
    ],
)
def test_nobody_publishes_it(topic, kind, others, reason):
    sentence = silence_reason(topic, kind, [], others)
    assert sentence.startswith(f"nobody publishes '{topic}': ")
    assert re.search(reason, sentence), sentence


@pytest.mark.parametrize(
    ('topic', 'kind', 'offer', 'reason'),
    [
        (JPEG, IMAGE, COMPRESSED_IMAGE, f'remap image:={RAW} and set image_transport:=compressed'),
        (RAW, IMAGE, COMPRESSED_IMAGE, f'set image_transport:=compressed and remap image/compressed:={RAW}'),
        (JPEG, COMPRESSED_IMAGE, IMAGE, f'set image_transport:=raw and remap image:={JPEG}'),
        (RAW, IMAGE, CAMERA_INFO, 'remap to the topic of the camera'),
    ],
)
def test_it_carries_another_type(topic, kind, offer, reason):
    sentence = silence_reason(topic, kind, [Offer('/driver', offer)], {})
    assert sentence == f"/driver publishes '{topic}' as {offer}, not as {kind}: {reason}"


def test_publishers_that_fit_are_silent():
    offers = [Offer('/b', IMAGE), Offer('/a', IMAGE), Offer('/c', COMPRESSED_IMAGE), Offer('/d', IMAGE, 'volatile')]
    assert silence_reason(RAW, IMAGE, offers, {}).startswith(f"/a (and 1 more) publishes '{RAW}' but sends nothing")


def test_quality_of_service_does_not_fit():
    offers = [Offer('/driver', IMAGE, 'best effort publisher and reliable subscription')]
    sentence = silence_reason(RAW, IMAGE, offers, {})
    assert 'best effort publisher and reliable subscription' in sentence
    assert sentence.endswith(f'qos_overrides.{RAW}.subscription')


def test_remappings_name_the_input_of_the_camera():
    assert 'front/image:=/f/image' in silence_reason('/front/image', IMAGE, [], {'/f/image': [IMAGE]}, 'front/')
    info = silence_reason('/front/camera_info', CAMERA_INFO, [], {INFO: [CAMERA_INFO]}, 'front/')
    assert f'front/camera_info:={INFO}' in info
