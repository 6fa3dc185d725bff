# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import re
import shutil

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from rosbags.rosbag2 import StoragePlugin, Writer

from famda_ros.errors import FamdaError
from famda_ros.messages import bag_reader
from famda_ros.messages.bag_reader import (
    choose_image_topic,
    count_frames,
    custom_data,
    iter_frames,
    open_bag,
    read_messages,
    topics_of,
)
from famda_ros.messages.bag_recorder import BagRecorder
from famda_ros.messages.bag_types import CAMERA_INFO, IMAGE, TF, typestore
from famda_ros.messages.bag_writer import LATCHED, BagWriter
from famda_ros.messages.image_messages import MalformedImage

STAMP = 1_700_000_000_123_456_789


def picture(seed=0, height=24, width=32):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write(path, frames=3, topic='/cam/image', info=True):
    with BagWriter(path, {'domain': 'night'}) as bag:
        for i in range(frames):
            bag.write_image(topic, STAMP + i, 'optical', picture(i))
            if info:
                bag.write_camera_info('/cam/camera_info', STAMP + i, 'optical', 32, 24, 50.0 + i)
    return path


def test_frames_come_back_equal(tmp_path):
    bag = write(tmp_path / 'bag')
    frames = list(iter_frames(bag))
    assert [f.stamp_ns for f in frames] == [STAMP, STAMP + 1, STAMP + 2]
    assert all((f.frame_id, f.topic) == ('optical', '/cam/image') for f in frames)
    assert all((f.image == picture(i)).all() for i, f in enumerate(frames))
    assert frames[0].focal == 50.0  # the first frame comes before the first calibration, and still has one
    assert frames[2].focal == 51.0
    assert count_frames(bag) == 3
    assert custom_data(bag) == {'domain': 'night'}
    assert len(list(iter_frames([bag, bag / 'bag.mcap']))) == 6


def test_layout_on_disk(tmp_path):
    write(tmp_path / 'drive')
    assert sorted(os.listdir(tmp_path)) == ['drive']
    assert sorted(os.listdir(tmp_path / 'drive')) == ['drive.mcap', 'metadata.yaml']
    info = yaml.safe_load((tmp_path / 'drive' / 'metadata.yaml').read_text())['rosbag2_bagfile_information']
    assert (info['version'], info['storage_identifier']) == (9, 'mcap')
    assert info['relative_file_paths'] == ['drive.mcap']


def test_compressed_image_and_strings(tmp_path):
    flat = np.full((24, 32, 3), (200, 30, 60), np.uint8)
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write_compressed_image('/image/compressed', STAMP, 'optical', flat)
        bag.write_string('/labels', STAMP, '{"a": 1}', latched=True)
        bag.write_static_transform(STAMP, 'base', 'optical', (1, 2, 3), (0, 0, 0, 1))
        bag.write_mono8('/mask', STAMP, 'optical', flat[..., 0])
        bag.write_depth('/depth', STAMP, 'optical', np.array([[1.5, np.inf], [np.nan, 2]], np.float32))
    (frame,) = iter_frames(tmp_path / 'bag', '/image/compressed')
    assert np.abs(frame.image.astype(int) - flat).max() <= 3
    assert frame.encoded[:2] == b'\xff\xd8' and frame.format == 'jpeg' and frame.focal is None
    messages = {topic: message for topic, _, _, message in read_messages(tmp_path / 'bag')}
    assert messages['/labels'].data == '{"a": 1}'
    transform = messages['/tf_static'].transforms[0]
    assert (transform.header.frame_id, transform.child_frame_id) == ('base', 'optical')
    assert transform.transform.translation.z == 3.0
    assert (messages['/mask'].encoding, messages['/mask'].step) == ('mono8', 32)
    assert messages['/depth'].encoding == '32FC1'
    np.testing.assert_array_equal(messages['/depth'].data.view(np.float32), [1.5, np.inf, np.nan, 2])
    with open_bag(tmp_path / 'bag') as reader:
        durability = {c.topic: [q.durability.name for q in c.ext.offered_qos_profiles] for c in reader.connections}
    assert durability['/labels'] == durability['/tf_static'] == ['TRANSIENT_LOCAL']
    assert durability['/mask'] == []


def test_an_existing_bag_is_refused(tmp_path):
    write(tmp_path / 'bag')
    with pytest.raises(FamdaError, match='exists already'):
        BagWriter(tmp_path / 'bag')
    (tmp_path / 'empty').mkdir()
    write(tmp_path / 'empty')
    assert count_frames(tmp_path / 'empty') == 3


def test_a_broken_off_bag_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), BagWriter(tmp_path / 'bag') as bag:
        bag.write_image('/image', STAMP, '', picture())
        assert not (tmp_path / 'bag').exists()
        raise RuntimeError
    assert os.listdir(tmp_path) == []


def test_missing_damaged_or_foreign_bags(tmp_path):
    with pytest.raises(FamdaError, match='does not exist'):
        list(iter_frames(tmp_path / 'nope'))
    (tmp_path / 'folder').mkdir()
    with pytest.raises(FamdaError, match=r'no metadata\.yaml'):
        list(iter_frames(tmp_path / 'folder'))
    bag = write(tmp_path / 'bag', frames=40)
    data = (bag / 'bag.mcap').read_bytes()
    (bag / 'bag.mcap').write_bytes(data[:-28] + b'damage' + data[-22:])
    with pytest.raises(FamdaError, match=r'what is whole: mcap recover .*bag\.mcap -o .*bag_recovered\.mcap'):
        list(iter_frames(bag))
    (bag / 'bag.mcap').write_bytes(data)
    (bag / 'metadata.yaml').write_text('rosbag2_bagfile_information: {version: 9}')
    with pytest.raises(FamdaError, match='damaged'):
        list(iter_frames(bag))


def test_choice_of_the_topic(tmp_path):
    with BagWriter(tmp_path / 'none') as bag:
        bag.write_string('/chat', STAMP, 'hello')
    with pytest.raises(FamdaError, match=r"none' holds no images \(its topics: /chat\)"):
        list(iter_frames(tmp_path / 'none'))
    with BagWriter(tmp_path / 'two') as bag:
        bag.write_image('/left/image', STAMP, '', picture(1))
        bag.write_image('/right/image', STAMP, '', picture(2))
    with pytest.raises(FamdaError, match=r'2 image topics .*; choose one, such as --topic /left/image'):
        list(iter_frames(tmp_path / 'two'))
    (frame,) = iter_frames(tmp_path / 'two', '/right/image')
    assert (frame.image == picture(2)).all()
    with pytest.raises(FamdaError, match="no image topic '/front/image'; it has /left/image"):
        list(iter_frames(tmp_path / 'two', '/front/image'))


def test_malformed_images_raise_or_are_left_out(tmp_path):
    image = typestore().types['sensor_msgs/msg/Image']
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write_image('/image', STAMP, 'optical', picture())
        header = next(m for *_, m in _messages_of(tmp_path)).header
        broken = image(header, 24, 32, 'rgb8', 0, 96, np.zeros(7, np.uint8))
        bag.write_message('/image', STAMP + 1, broken)
    with pytest.raises(MalformedImage, match='data has 7 bytes'):
        list(iter_frames(tmp_path / 'bag'))
    left_out = []
    assert len(list(iter_frames(tmp_path / 'bag', on_malformed=left_out.append))) == 1
    assert len(left_out) == 1 and '/image' in str(left_out[0])


def _messages_of(tmp_path):
    write(tmp_path / 'other', frames=1, info=False)
    return read_messages(tmp_path / 'other')


def test_recorder_writes_from_its_thread(tmp_path):
    write(tmp_path / 'bag')
    recorder = BagRecorder(tmp_path / 'copy')
    with open_bag(tmp_path / 'bag') as reader:
        for connection, time_ns, data in reader.messages():
            recorder.put(connection.topic, connection.msgtype, data, time_ns)
    recorder.close()
    assert topics_of(tmp_path / 'copy') == topics_of(tmp_path / 'bag')
    assert topics_of(tmp_path / 'copy')['/cam/camera_info'] == (CAMERA_INFO, 3)


def test_recorder_reports_a_fault(tmp_path):
    recorder = BagRecorder(tmp_path / 'bag')
    recorder.put('/x', 'no_such_msgs/msg/Type', b'', STAMP)
    with pytest.raises(Exception):  # noqa: B017  (whatever the library raises)
        recorder.close()
    assert not (tmp_path / 'bag').exists()


def test_readable_by_another_mcap_reader(tmp_path):
    mcap = pytest.importorskip('mcap.reader', reason='the package mcap is not installed')
    bag = write(tmp_path / 'bag')
    with open(bag / 'bag.mcap', 'rb') as file:
        topics = [channel.topic for _, channel, _ in mcap.make_reader(file).iter_messages()]
    assert sorted(set(topics)) == ['/cam/camera_info', '/cam/image'] and len(topics) == 6
    shutil.rmtree(bag)


def calibration(focal, width=64, height=48):
    types = typestore().types
    time = types['builtin_interfaces/msg/Time'](sec=1, nanosec=0)
    k = np.array([focal, 0, 31.5, 0, focal, 23.5, 0, 0, 1]) if focal else np.zeros(9)
    return types['sensor_msgs/msg/CameraInfo'](
        header=types['std_msgs/msg/Header'](stamp=time, frame_id='cam'), height=height, width=width,
        distortion_model='plumb_bob', d=np.zeros(5), k=k, r=np.eye(3).reshape(-1), p=np.zeros(12),
        binning_x=0, binning_y=0,
        roi=types['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False),
    )  # fmt: skip


def test_the_last_good_calibration_holds(tmp_path):
    """Unset and broken ones in between, as flickering drivers send them: no frame gets another focal length."""
    with BagWriter(tmp_path / 'bag') as bag:
        for number, focal in enumerate((0.0, 50.0, 0.0, np.nan, 50.0)):
            bag.write_message('/cam/camera_info', 10 * number, calibration(focal))
            bag.write_image('/cam/image', 10 * number + 5, 'cam', np.zeros((48, 64, 3), np.uint8))
    faults = []
    frames = list(iter_frames(tmp_path / 'bag', on_calibration=faults.append))
    assert [(frame.focal, frame.fy) for frame in frames] == [(50.0, 50.0)] * 5
    assert [bool(re.search('not set', fault)) for fault in faults] == [True, True, False]


def test_a_calibration_that_changes_is_told(tmp_path):
    """Not where the camera only sends another size of its image."""
    with BagWriter(tmp_path / 'bag') as bag:
        for number, (focal, width) in enumerate(((50.0, 64), (50.5, 64), (90.0, 64), (90.0, 32), (50.0, 64))):
            bag.write_message('/cam/camera_info', 10 * number, calibration(focal))
            bag.write_image('/cam/image', 10 * number + 5, 'cam', np.zeros((width * 3 // 4, width, 3), np.uint8))
    told = []
    frames = list(iter_frames(tmp_path / 'bag', on_calibration=told.append))
    assert [frame.focal for frame in frames] == [50.0, 50.5, 90.0, 45.0, 50.0]
    assert len(told) == 2 and 'focal lengths of 0.789 and 1.41 widths' in told[0], told


def test_a_calibration_without_any_good_one_is_none(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write_message('/cam/camera_info', 0, calibration(0.0))
        bag.write_image('/cam/image', 5, 'cam', np.zeros((48, 64, 3), np.uint8))
    assert next(iter_frames(tmp_path / 'bag')).focal is None


def test_frames_know_the_recording_time_beside_their_stamp(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag, bag.at(777):
        bag.write_image('/cam/image', -5_000_000_000, 'cam', np.zeros((4, 4, 3), np.uint8))
    frame = next(iter_frames(tmp_path / 'bag'))
    assert (frame.stamp_ns, frame.time_ns) == (-5_000_000_000, 777)


@pytest.mark.parametrize('plugin', list(StoragePlugin))
def test_a_folder_that_a_killed_recorder_left(plugin, tmp_path):
    """It has no metadata.yaml."""
    with Writer(tmp_path / 'rec', version=9, storage_plugin=plugin) as bag:
        connection = bag.add_connection('/talk', 'std_msgs/msg/String', typestore=typestore())
        message = typestore().types['std_msgs/msg/String'](data='x')
        bag.write(connection, 1, typestore().serialize_cdr(message, message.__msgtype__))
    (tmp_path / 'rec' / 'metadata.yaml').unlink()
    losses = []
    assert [message.data for *_, message in read_messages(tmp_path / 'rec', on_loss=losses.append)] == ['x']
    assert re.search(r"rec' has no metadata.yaml, as a recorder that was killed.*: rec\.(mcap|db3) \(", losses[0])


@pytest.mark.parametrize(
    ('name', 'cure'),
    [
        ('rec_0.db3.zstd', r'unpack it: zstd -d .*rec_0\.db3\.zstd'),
        ('rec_0.mcap.zstd', r'unpack it: zstd -d .*rec_0\.mcap\.zstd'),
        ('old.bag.active', r'make its index with: rosbag reindex .*old\.bag\.active'),
        ('old.bag', r'make its index anew: rosbag reindex .*old\.bag'),
        ('rec_0.db3', r'sqlite3 .*rec_0\.db3 \.recover \| sqlite3 .*rec_0_recovered\.db3'),
    ],
)
def test_files_that_are_no_whole_bag(name, cure, tmp_path):
    (tmp_path / name).write_bytes(b'x' * 100)
    with pytest.raises(FamdaError, match=cure):
        topics_of(tmp_path / name)


def test_a_folder_of_compressed_files_without_metadata(tmp_path):
    (tmp_path / 'rec_0.mcap.zstd').write_bytes(b'x')
    with pytest.raises(FamdaError, match=r'no metadata\.yaml; unpack its files: zstd -d .*rec_0\.mcap\.zstd'):
        topics_of(tmp_path)


def ros1_bag(path, frames=3):
    from rosbags.rosbag1 import Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS1_NOETIC)
    types = store.types
    k = np.array([50.0, 0, 31.5, 0, 60.0, 23.5, 0, 0, 1])
    with Writer(path) as bag:
        images = bag.add_connection('/cam/image', 'sensor_msgs/msg/Image', typestore=store)
        infos = bag.add_connection('/cam/camera_info', 'sensor_msgs/msg/CameraInfo', typestore=store)
        for number in range(frames):
            time = types['builtin_interfaces/msg/Time'](sec=number + 1, nanosec=0)
            header = types['std_msgs/msg/Header'](seq=number, stamp=time, frame_id='cam')
            roi = types['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False)
            info = types['sensor_msgs/msg/CameraInfo'](
                header=header, height=48, width=64, distortion_model='plumb_bob', D=np.zeros(5), K=k,
                R=np.eye(3).reshape(-1), P=np.zeros(12), binning_x=0, binning_y=0, roi=roi,
            )  # fmt: skip
            image = types['sensor_msgs/msg/Image'](
                header=header, height=48, width=64, encoding='rgb8', is_bigendian=0, step=192,
                data=np.full(48 * 192, 10 * number, np.uint8),
            )  # fmt: skip
            stamp = (number + 1) * 10**9
            bag.write(infos, stamp, store.serialize_ros1(info, info.__msgtype__))
            bag.write(images, stamp, store.serialize_ros1(image, image.__msgtype__))
    return path


def test_ros1_bags_have_their_calibration(tmp_path):
    frames = list(iter_frames(ros1_bag(tmp_path / 'old.bag')))
    read = [(frame.focal, frame.fy, frame.image[0, 0, 0]) for frame in frames]
    assert read == [(50, 60, 0), (50, 60, 10), (50, 60, 20)]
    with BagWriter(tmp_path / 'new') as bag:  # it can be written as ROS 2
        bag.write_message('/cam/camera_info', 1, frames[0].camera_info)
    assert topics_of(tmp_path / 'new') == {'/cam/camera_info': ('sensor_msgs/msg/CameraInfo', 1)}


def test_messages_of_several_publishers_are_added_up(tmp_path):
    types, kind = typestore().types, 'std_msgs/msg/String'
    with Writer(tmp_path / 'bag', version=9, storage_plugin=StoragePlugin.SQLITE3) as bag:
        for serial, name in enumerate(('a', 'b')):
            qos = [LATCHED][:serial]
            connection = bag.add_connection('/talk', kind, typestore=typestore(), offered_qos_profiles=qos)
            for stamp in range(2 + serial):
                bag.write(connection, stamp, typestore().serialize_cdr(types[kind](data=name), kind))
    assert topics_of(tmp_path / 'bag') == {'/talk': (kind, 5)}


@pytest.mark.parametrize(
    ('name', 'full'),
    [('std_msgs/String', 'std_msgs/msg/String'), ('std_msgs/msg/String', 'std_msgs/msg/String'), ('odd', 'odd')],
)
def test_type_names_with_and_without_msg(name, full):
    assert bag_reader.full_type_name(name) == full


@pytest.mark.parametrize('side', ['wal', 'journal'])
def test_messages_in_a_side_file_of_sqlite_are_not_lost_unsaid(side, tmp_path):
    with Writer(tmp_path / 'bag', version=9, storage_plugin=StoragePlugin.SQLITE3) as bag:
        connection = bag.add_connection('/talk', 'std_msgs/msg/String', typestore=typestore())
        message = typestore().types['std_msgs/msg/String'](data='x')
        bag.write(connection, 1, typestore().serialize_cdr(message, message.__msgtype__))
    assert topics_of(tmp_path / 'bag')
    (file,) = (tmp_path / 'bag').glob('*.db3')
    file.with_name(f'{file.name}-{side}').write_bytes(b'pages')
    for path in (tmp_path / 'bag', file):
        with pytest.raises(FamdaError, match=rf'left by a recorder that was killed.*{side}.*sqlite3 .*VACUUM'):
            topics_of(path)


DAMAGES = st.tuples(
    st.sampled_from(['name', 'type', 'message_count', 'topics_with_message_count', 'relative_file_paths', 'version',
                     'storage_identifier', 'files', 'custom_data', 'duration', 'compression_mode']),
    st.sampled_from(["''", '-1', 'null', '[]', '{a: 1}', '1.5', '"\\u0000"', 'x', '99999999999999999999', '!!int x']),
)  # fmt: skip


@pytest.fixture(scope='module')
def sound(tmp_path_factory):
    return write(tmp_path_factory.mktemp('damage') / 'bag')


@settings(max_examples=int(os.environ.get('FAMDA_DAMAGES', '60')), derandomize=True)
@given(damage=DAMAGES, cut=st.none() | st.integers(0, 2000), flip=st.none() | st.integers(0, 2000))
def test_damaged_metadata_is_read_or_refused(sound, damage, cut, flip, tmp_path_factory):
    """Never a traceback; what is read are frames of the bag."""
    folder = tmp_path_factory.mktemp('damaged') / 'bag'
    shutil.copytree(sound, folder)
    key, value = damage
    line = re.compile(rf'(?m)^(\s*(?:- )?{key}:).*$')
    text = line.sub(lambda found: f'{found[1]} {value}', (folder / 'metadata.yaml').read_text(), count=1)
    data = bytearray(text.encode()[:cut])
    if flip is not None and data:
        data[flip % len(data)] ^= 0x80
    (folder / 'metadata.yaml').write_bytes(bytes(data))
    assert isinstance(custom_data(folder), dict)
    try:
        frames = list(iter_frames(folder))
    except FamdaError as error:
        assert '\n' not in str(error)
    else:
        assert len(frames) == 3 and all(frame.focal is None or 49 < frame.focal < 53 for frame in frames)
    shutil.rmtree(folder.parent)


@pytest.mark.parametrize(
    ('topics', 'what'),
    [
        ({}, 'is empty: it has no topics; record again'),
        ({'/cam/image': (IMAGE, 0), '/tf': (TF, 0)}, 'is empty: its topics /cam/image, /tf hold no message'),
        ({'/cam/image': (IMAGE, 0), '/tf': (TF, 9)}, 'has no image on /cam/image, as its camera sent none'),
        ({'/tf': (TF, 9)}, r'holds no images \(its topics: /tf\); record a camera topic'),
    ],
)
def test_a_bag_without_images_is_told_as_what_it_is(topics, what):
    with pytest.raises(FamdaError, match=what):
        choose_image_topic('bag', topics)


def test_a_topic_without_images_that_is_asked_for(tmp_path):
    with Writer(tmp_path / 'bag', version=9, storage_plugin=StoragePlugin.MCAP) as bag:
        bag.add_connection('/cam/image', IMAGE, typestore=typestore())
        bag.add_connection('/other/image', IMAGE, typestore=typestore())
    with pytest.raises(FamdaError, match='is empty: its topics /cam/image, /other/image hold no message'):
        list(iter_frames(tmp_path / 'bag', '/cam/image'))


def test_sixteen_bits_that_hold_twelve_are_told_once(tmp_path):
    """A stream is told of, not a dark image among others."""
    image = typestore().types[IMAGE]
    for name, brightest in (('twelve', 4095), ('sixteen', 65535)):
        with BagWriter(tmp_path / name) as bag:
            for number in range(3):
                grey = np.full((24, 32), 4000, np.uint16)
                grey[0, 0] = brightest if number == 1 else 0
                header = next(m for *_, m in read_messages(write(tmp_path / f'{name}{number}', frames=1))).header
                bag.write_message('/image', STAMP, image(header, 24, 32, 'mono16', 0, 64, grey.view(np.uint8).ravel()))
        losses = []
        assert len(list(iter_frames(tmp_path / name, on_loss=losses.append))) == 3
        assert len(losses) == (name == 'twelve')
        assert all('never exceed 4095 of 65535' in sentence for sentence in losses)
