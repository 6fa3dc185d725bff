# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from recordings import FOCAL, HEIGHT, STEP_NS, WIDTH, picture, stamp_of, write_mcap
from tiny_student import TINY_SPACE, expected, save_tiny, tiny_card

from famda_ros.errors import FamdaError
from famda_ros.messages import bag_reader
from famda_ros.messages.bag_types import DIAGNOSTICS, message_type
from famda_ros.messages.bag_writer import BagWriter
from famda_ros.pipeline.offline import perceive
from famda_ros.student.runtime import Student
from famda_train.inspection.rerun_log import RerunLog
from famda_train.inspection.view_recordings import WAITING, answers_source, recording_source
from famda_train.inspection.viewing import Faults, with_student


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp('model') / 'tiny.onnx')


@pytest.mark.parametrize(('depth', 'with_images'), [('float', True), ('millimetres', True), ('millimetres', False)])
def test_answers_of_perceive_come_back(tmp_path, model, depth, with_images):
    drive = write_mcap(tmp_path / 'drive')
    perceive(drive, model, tmp_path / 'out', depth=depth, with_images=with_images)
    faults = Faults()
    source = answers_source(tmp_path / 'out', None, faults)
    assert (source.total, source.has_images) == (8, with_images)
    assert source.parts == {'answers': ('labels', 'confidence', 'depth')}
    space = source.spaces['answers']
    assert (space.classes, space.colors) == (TINY_SPACE.classes, TINY_SPACE.colors)
    frames = list(source.frames)
    assert [frame.stamp_ns for frame in frames] == [stamp_of(number) for number in range(8)]
    for number, frame in enumerate(frames):
        image = picture(number)
        labels, confidence, metres = expected(image)
        answers = frame.layers['answers']
        np.testing.assert_array_equal(answers.labels, labels)
        np.testing.assert_array_equal(answers.confidence, confidence)
        metres = metres * (FOCAL / 100.0)
        known = np.isfinite(metres) & (metres > 0) & (metres < 65.534)
        np.testing.assert_allclose(answers.depth[known], metres[known], atol=6e-4)
        assert np.all(np.isposinf(answers.depth[np.isposinf(metres)]))
        assert frame.intrinsics.fx == FOCAL
        if with_images:
            np.testing.assert_array_equal(frame.image, image)
        else:
            assert frame.image is None
    assert faults == Faults()


def test_a_long_bag_is_shown_while_it_is_read(tmp_path, model, monkeypatch):
    """The first picture is logged before the second frame is read, and so on to the end."""
    perceive(write_mcap(tmp_path / 'drive', 40), model, tmp_path / 'out', with_images=True)
    read, original = [], bag_reader._messages

    def counted(*arguments):
        for message in original(*arguments):
            read.append(message[0].topic)
            yield message

    source = answers_source(tmp_path / 'out', None, Faults())
    with monkeypatch.context() as patch, RerunLog(source, tmp_path / 'out.rrd') as log:
        patch.setattr(bag_reader, '_messages', counted)
        for frame in source.frames:
            log.log(frame)
            assert read.count('/cam/image/compressed') == log.logged
    assert log.logged == 40


def test_images_that_nobody_answered_do_not_pile_up(tmp_path, monkeypatch):
    with BagWriter(tmp_path / 'bag') as bag:
        for number in range(50):
            bag.write_image('/cam/image', stamp_of(number), 'cam', picture(number))
        bag.write_mono8('/cam/segmentation/mask', stamp_of(48), 'cam', np.zeros((HEIGHT, WIDTH), np.uint8))
    read, original = [], bag_reader._messages

    def counted(*arguments):
        for message in original(*arguments):
            read.append(message)
            yield message

    monkeypatch.setattr(bag_reader, '_messages', counted)
    source = answers_source(tmp_path / 'bag', None, Faults())
    answered = {}
    for number, frame in enumerate(source.frames):
        assert len(read) <= number + 1 + WAITING + 1
        answered[frame.stamp_ns] = bool(frame.layers)
    assert answered == {stamp_of(number): number == 48 for number in range(50)}


def diagnostics(bag, number, rate):
    status, value = message_type('diagnostic_msgs/msg/DiagnosticStatus'), message_type('diagnostic_msgs/msg/KeyValue')
    header = message_type('std_msgs/msg/Header')(message_type('builtin_interfaces/msg/Time')(number, 0), '')
    values = [value('rate', f'{rate} Hz'), value('provider', 'cpu'), value('odd', 'nan')]
    message = message_type(DIAGNOSTICS)(header, [status(0, 'perception', 'fine', '', values)])
    bag.write_message('/diagnostics', stamp_of(number), message)


def test_a_recording_of_a_node(tmp_path):
    """Answers come later than the next images; depth is packed; numbers of the diagnostics are shown over time."""
    with BagWriter(tmp_path / 'bag') as bag:
        for number in range(6):
            with bag.at(stamp_of(number)):
                bag.write_image('/cam/image', stamp_of(number), 'cam', picture(number))
            if number >= 2:
                with bag.at(stamp_of(number) + STEP_NS // 2):
                    stamp = stamp_of(number - 2)
                    bag.write_mono8('/cam/segmentation/mask', stamp, 'cam', np.full((HEIGHT, WIDTH), number, np.uint8))
                    depth = np.full((HEIGHT, WIDTH), float(number), np.float32)
                    bag.write_compressed_depth('/cam/depth/image/compressedDepth', stamp, 'cam', depth)
                    diagnostics(bag, number, 10 + number)
    source = answers_source(tmp_path / 'bag', None, Faults())
    frames = {frame.stamp_ns: frame for frame in source.frames}
    assert source.parts == {'answers': ('labels', 'depth')} and source.spaces == {} and len(frames) == 6
    for number in range(4):
        layer = frames[stamp_of(number)].layers['answers']
        assert (layer.labels == number + 2).all() and (layer.depth == number + 2).all()
        np.testing.assert_array_equal(frames[stamp_of(number)].image, picture(number))
    shown = [frame.scalars for frame in frames.values() if frame.scalars]
    assert {'perception/rate': 12.0} in shown and all(set(scalars) == {'perception/rate'} for scalars in shown)
    assert ('perception', 'fine') in frames[stamp_of(1)].messages


def test_what_is_damaged_is_left_out_and_named(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        for number in range(3):
            bag.write_mono8('/cam/segmentation/mask', stamp_of(number), 'cam', np.zeros((HEIGHT, WIDTH), np.uint8))
            data = b'no picture' if number == 1 else b''
            bag.write_compressed_bytes('/cam/depth/image/compressedDepth', stamp_of(number), 'cam', data, 'odd')
    faults = Faults()
    frames = list(answers_source(tmp_path / 'bag', None, faults).frames)
    assert len(frames) == 3 and all(frame.layers['answers'].depth is None for frame in frames)
    assert len(faults.malformed) == 3
    assert "compressedDepth, stamp 1200000000: format 'odd' is no depth" in faults.malformed[1]


def test_several_cameras_are_chosen_by_their_mask(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        for number, name in enumerate(('left', 'right')):
            bag.write_mono8(f'/{name}/segmentation/mask', 5, 'cam', np.full((HEIGHT, WIDTH), number, np.uint8))
    with pytest.raises(FamdaError, match=r'answers of 2 cameras .* choose one: --topic /left/segmentation/mask'):
        answers_source(tmp_path / 'bag', None, Faults())
    with pytest.raises(FamdaError, match="not the mask topic '/up/segmentation/mask'"):
        answers_source(tmp_path / 'bag', '/up/segmentation/mask', Faults())
    (frame,) = answers_source(tmp_path / 'bag', '/right/segmentation/mask', Faults()).frames
    assert (frame.layers['answers'].labels == 1).all()


def test_labels_that_are_none_are_refused(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write_mono8('/cam/segmentation/mask', 5, 'cam', np.zeros((HEIGHT, WIDTH), np.uint8))
        bag.write_string('/cam/segmentation/labels', 5, '{"classes": 3}')
    with pytest.raises(FamdaError, match='/cam/segmentation/labels: the labels are no JSON of a label space'):
        answers_source(tmp_path / 'bag', None, Faults())


def test_predictions_are_shown_beside_a_recording(tmp_path):
    model = save_tiny(tmp_path / 'tiny.onnx', card=tiny_card())
    faults = Faults()
    source = with_student(
        recording_source(write_mcap(tmp_path / 'drive', 3), None, faults), Student(model, provider='cpu'), faults
    )
    assert source.parts == {'student': ('labels', 'confidence', 'depth')} and source.total == 3
    for number, frame in enumerate(source.frames):
        labels, _, depth = expected(picture(number))
        np.testing.assert_array_equal(frame.layers['student'].labels, labels)
        np.testing.assert_allclose(frame.layers['student'].depth, depth * FOCAL / 100.0, rtol=1e-5)
        assert frame.scalars['student/milliseconds'] > 0 and frame.intrinsics.fx == FOCAL
        assert bool(frame.messages) == (number == 0)  # what the drift monitor thinks has not changed


def test_an_image_that_the_student_cannot_see_is_shown_without_a_prediction(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write_image('/cam/image', 5, 'cam', np.zeros((4, 4, 3), np.uint8))
    model, faults = save_tiny(tmp_path / 'tiny.onnx', dynamic=True, card=tiny_card(stride=16)), Faults()
    source = with_student(recording_source(tmp_path / 'bag', None, faults), Student(model, provider='cpu'), faults)
    (frame,) = source.frames
    assert frame.layers == {} and frame.image is not None and 'smaller than the 16 pixels' in faults.malformed[0]


def test_mosaics_and_exchanged_colours_are_shown_as_they_look():
    from famda_train.inspection.view_recordings import _as_shown

    jpeg = b'\xff\xd8\xff...'
    shown = {form: _as_shown(jpeg, form) for form in ('jpeg', 'rgb8; jpeg compressed bgr8', '')}
    assert set(shown.values()) == {jpeg}
    for form in ('bayer_rggb8; jpeg compressed ', 'rgb8; jpeg compressed rgb8'):
        assert _as_shown(jpeg, form) is None
    assert _as_shown(b'\x89PNG', 'png') is None
