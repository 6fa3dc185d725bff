# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Metres and pixels, over real DDS: points fall on the pixels they came from, depth is in metres for every focal."""

from __future__ import annotations

import time

import numpy as np
import pytest
from tiny_student import FOCAL, HEIGHT, WIDTH, save_tiny, tiny_card

pytest.importorskip('rclpy', reason='no ROS 2: neither a distribution nor the wheels are installed')

from perception_client import PerceptionClient, camera_info
from sensor_msgs.msg import CameraInfo, Image, RegionOfInterest

from famda_ros.messages.image_messages import image_to_array
from famda_ros.messages.point_cloud import POINT
from famda_ros.student.camera_geometry import network_focal
from famda_train.world.render import render

TOPICS = MASK, DEPTH, POINTS, INFO = 'segmentation/mask', 'depth/image', 'depth/points', 'depth/camera_info'


@pytest.mark.parametrize(('scale', 'rectified'), [(1.0, False), (0.5, False), (0.5, True)])
def test_points_fall_on_their_pixels(tmp_path, monkeypatch, scale, rectified):
    """Also with a principal point beside the middle, other fy than fx, a cut-out of the sensor, and smaller outputs.

    A rectified camera has the raw K beside its P; it is P that depth_image_proc makes points with.
    """
    model = save_tiny(tmp_path / 'tiny.onnx')
    small = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    image = np.kron(small, np.ones((4, 4, 1), np.uint8))
    info = camera_info(0, 4 * WIDTH + 100, 4 * HEIGHT + 60, 400.0)
    info.k[2], info.k[4], info.k[5] = 170.25, 380.0, 101.5
    info.p = [350.0, 0.0, 150.0, -40.0, 0.0, 345.0, 95.5, 0.0, 0.0, 0.0, 1.0, 0.0] if rectified else [0.0] * 12
    info.roi = RegionOfInterest(x_offset=40, y_offset=24, width=4 * WIDTH, height=4 * HEIGHT)
    stride = 3
    points = {'points.stride': stride, 'points.edge_filter': 0.0}
    with PerceptionClient(tmp_path, 36, monkeypatch, model=model, output_scale=scale, **points) as client:
        client.listen(*TOPICS)
        answer = client.outputs_of(image, TOPICS, info)
        client.fresh_report()
        assert float(client.values()['camera_focal_px']) == (350 if rectified else 400)
    depth, labels = image_to_array(answer[DEPTH]), image_to_array(answer[MASK])
    message, out = answer[POINTS], answer[INFO]
    assert depth.shape == labels.shape == (round(4 * HEIGHT * scale), round(4 * WIDTH * scale))
    points = np.frombuffer(message.data, POINT).reshape(message.height, message.width)
    assert {f.name: f.offset for f in message.fields} == {n: POINT.fields[n][1] for n in POINT.names}
    valid = np.isfinite(points['z'])
    assert valid.sum() > 500 and not valid.all()  # none beyond the range, nor at 0 m
    # P and K are for the whole sensor, of which the image is the region of interest.
    fx, fy, cx, cy = out.p[[0, 5, 2, 6]] if rectified else out.k[[0, 4, 2, 5]]
    u = fx * points['x'] / points['z'] + cx - out.roi.x_offset
    v = fy * points['y'] / points['z'] + cy - out.roi.y_offset
    row, column = np.mgrid[: message.height, : message.width] * stride
    error = np.hypot(u - column, v - row)[valid].max()
    print(f'scale {scale}: points re-project within {error:.4f} px')
    assert error < 0.5
    np.testing.assert_array_equal(points['z'][valid], depth[::stride, ::stride][valid])
    np.testing.assert_array_equal(points['label'], labels[::stride, ::stride])
    assert set(depth[::stride, ::stride][~valid]) == {0, np.inf}


def test_street_world_depth_is_metric_with_twice_the_focal(tmp_path, monkeypatch):
    """A student that is right for the focal of its card is right, through the node, for another camera, too.

    The tiny student reads depth from the blue channel.  There the truth is written as a camera with
    the card's focal would perceive it: what has twice the focal looks twice as near.
    """
    width, height, depth_scale = 192, 96, 0.1
    world = render(5, 'day', width, height, focal=2 * FOCAL)
    truth = world.depth
    perceived = truth / 2
    known = np.isfinite(perceived) & (perceived < 255 * depth_scale)
    blue = np.where(known, np.rint(np.where(known, perceived, 0) / depth_scale), 255).astype(np.uint8)
    image = np.dstack([np.where(world.labels == 0, 255, 0).astype(np.uint8), blue, blue])
    card = tiny_card(network_width=width, network_height=height, focal=FOCAL, depth_range_m=(0.1, 25.45))
    model = save_tiny(tmp_path / 'tiny.onnx', card=card, depth_scale=depth_scale)
    info = camera_info(0, width, height, 2 * FOCAL)
    with PerceptionClient(tmp_path, 37, monkeypatch, model=model, **{'points.stride': 1}) as client:
        client.listen(*TOPICS)
        answer = client.outputs_of(image, TOPICS, info)
        client.fresh_report()
        assert float(client.values()['camera_focal_px']) == 2 * FOCAL
    depth = image_to_array(answer[DEPTH])
    assert known.mean() > 0.4 and truth[known].min() < 8 and truth[known].max() > 40
    error = np.abs(depth[known] - truth[known]).max()  # the blue channel has steps of 0.2 m
    near, far = truth[known].min(), truth[known].max()
    print(f'street world, twice the focal: {near:.1f} to {far:.1f} m, largest error {error:.3f} m')
    assert error <= depth_scale + 1e-4
    assert np.isposinf(depth[~known]).all()
    # The road is flat: its points lie as deep below the camera as the camera stands above it.
    points = np.frombuffer(answer[POINTS].data, POINT).reshape(height, width)
    road = known & (world.labels == 0) & (truth < 15)
    assert road.sum() > 300
    print(f'road below the camera: {np.median(points["y"][road]):.2f} m')
    assert 1.2 < np.median(points['y'][road]) < 1.9


def test_cameras_of_two_shapes_have_their_own_metres_and_sizes(tmp_path, monkeypatch):
    """One dynamic file, one node: 4:3 and 16:9 at the same time, each with its header, its size and its metres."""
    card = tiny_card(network_width=320, network_height=240, stride=16)
    model = save_tiny(tmp_path / 'dynamic.onnx', card=card, dynamic=True)
    cameras = {'front': (640, 480, 400.0), 'side': (1280, 720, 900.0)}
    with PerceptionClient(tmp_path, 38, monkeypatch, model=model, threads=1, cameras=list(cameras)) as client:
        infos = {name: client.publisher(CameraInfo, f'{name}/camera_info') for name in cameras}
        for name in cameras:
            client.publisher(Image, f'{name}/image')
            client.listen(f'{name}/{DEPTH}', f'{name}/{MASK}')
        for name in cameras:
            client.wait_for(lambda name=name: client.subscribers(f'{name}/camera_info'), 10, 'the node to listen')
        images = {name: np.full((size[1], size[0], 3), 100, np.uint8) for name, size in cameras.items()}

        def enough():
            for name, (width, height, focal) in cameras.items():
                stamp = time.time_ns()
                infos[name].publish(camera_info(stamp, width, height, focal))
                client.send(images[name], stamp, f'{name}/image')
            time.sleep(0.05)
            return min(len(client.answers[f'{name}/{DEPTH}']) for name in cameras) > 6

        client.wait_for(enough, 30, 'outputs of both cameras')
        assert 'traceback' not in client.process.output().lower()
    for name, (width, height, focal) in cameras.items():
        expected = 50.0 * network_focal(card, width, height, focal) / card.focal
        for message in client.answers[f'{name}/{DEPTH}'][2:]:  # the first may come before its calibration
            assert (message.width, message.height) == (width, height)
            np.testing.assert_allclose(image_to_array(message), expected, rtol=1e-5)
        assert all((m.width, m.height) == (width, height) for m in client.answers[f'{name}/{MASK}'])
