# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import cv2
import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability

from famda_ros.errors import FamdaError
from famda_train.commands import world
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.world import drive, render


def read(path) -> dict[str, list]:
    """Return topic -> messages of a bag."""
    messages: dict[str, list] = {}
    with AnyReader([path]) as reader:
        for connection, _, data in reader.messages():
            messages.setdefault(connection.topic, []).append(reader.deserialize(data, connection.msgtype))
    return messages


def test_frame_folder_holds_what_was_rendered(tmp_path):
    world.run(out=str(tmp_path / 'night'), domain='night', frames=3, width=64, height=32, seed=11, workers=1)
    folder = FrameFolder(tmp_path / 'night')
    assert len(folder) == 3 and folder.info['name'] == 'night' and folder.info['label_space'] == 'flat7'
    assert 'street world' in folder.info['origin']
    for index, frame in enumerate(folder.frames):
        r = render(11 + index, 'night', 64, 32)
        assert frame.extra['seed'] == 11 + index and frame.focal == pytest.approx(r.camera.focal)
        assert (folder.image(index) == r.image).all() and (folder.labels(index) == r.labels).all()
        assert (folder.instances(index) == r.instances).all()
        near = r.depth < 600
        assert np.abs(folder.depth(index)[near] - r.depth[near]).max() < 0.0051
        assert (np.isinf(folder.depth(index)) == np.isinf(r.depth)).all()


def test_drive_bag_is_readable_and_calibrated(tmp_path):
    options = {'domain': 'night', 'frames': 4, 'width': 64, 'height': 32, 'focal': 50.0, 'seed': 2, 'rate': 5.0}
    world.run(out=str(tmp_path / 'bag'), drive=True, image='both', workers=1, **options)
    messages = read(tmp_path / 'bag')
    assert {t: len(m) for t, m in messages.items()} == {
        '/camera/image': 4, '/camera/image/compressed': 4, '/camera/camera_info': 4, '/tf_static': 1
    }  # fmt: skip
    ground_truth = list(drive(2, 'night', 4, 5.0, 64, 32, 50.0))
    topics = ('/camera/image', '/camera/image/compressed', '/camera/camera_info')
    for raw, jpeg, info, (_, r) in zip(*(messages[t] for t in topics), ground_truth, strict=True):
        assert raw.header == jpeg.header == info.header and info.header.frame_id == 'camera_optical_frame'
        assert (raw.data.reshape(32, 64, 3) == r.image).all() and raw.encoding == 'rgb8'
        decoded = cv2.imdecode(jpeg.data, cv2.IMREAD_COLOR)[..., ::-1]
        assert np.abs(decoded.astype(int) - r.image).mean() < 12
        assert (info.width, info.height, info.distortion_model) == (64, 32, 'plumb_bob') and not info.d.any()
        k = np.array([[50.0, 0, r.camera.cx], [0, 50.0, r.camera.cy], [0, 0, 1]])
        assert np.allclose(info.k.reshape(3, 3), k) and np.allclose(info.p.reshape(3, 4)[:, :3], k)
    stamps = [m.header.stamp.sec + m.header.stamp.nanosec / 1e9 for m in messages['/camera/image']]
    assert np.allclose(np.diff(stamps), 0.2, atol=1e-6)


def test_drive_bag_tells_how_the_camera_is_mounted(tmp_path):
    world.run(out=str(tmp_path / 'bag'), drive=True, domain='day', frames=1, width=32, height=16, workers=1)
    with AnyReader([tmp_path / 'bag']) as reader:
        connection = next(c for c in reader.connections if c.topic == '/tf_static')
        assert connection.ext.offered_qos_profiles[0].durability == QosDurability.TRANSIENT_LOCAL
    (transform,) = read(tmp_path / 'bag')['/tf_static'][0].transforms
    assert (transform.header.frame_id, transform.child_frame_id) == ('base_link', 'camera_optical_frame')
    assert 1.35 < transform.transform.translation.z < 1.7
    assert set(read(tmp_path / 'bag')) == {'/camera/image/compressed', '/camera/camera_info', '/tf_static'}


def test_an_existing_bag_is_left_alone(tmp_path):
    (tmp_path / 'bag').mkdir()
    (tmp_path / 'bag' / 'precious').write_text('x')
    with pytest.raises(FamdaError, match='exists already'):
        world.run(out=str(tmp_path / 'bag'), drive=True, frames=1, width=32, height=16)
    assert [p.name for p in (tmp_path / 'bag').iterdir()] == ['precious']


@pytest.mark.parametrize('as_drive', [False, True])
def test_unwritable_places_and_bad_requests_are_one_sentence(tmp_path, as_drive):
    (tmp_path / 'file').write_text('no folder')
    with pytest.raises(FamdaError, match='cannot write'):
        world.run(out=str(tmp_path / 'file' / 'x'), drive=as_drive, frames=1, width=32, height=16)
    with pytest.raises(FamdaError, match="unknown domain 'dusk'"):
        world.run(out=str(tmp_path / 'x'), drive=as_drive, domain='dusk')
    with pytest.raises(FamdaError, match='--frames must be 1 or more'):
        world.run(out=str(tmp_path / 'x'), drive=as_drive, frames=0)
    assert not (tmp_path / 'x').exists()
