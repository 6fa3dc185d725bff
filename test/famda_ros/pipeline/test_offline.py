# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from tiny_student import FOCAL, HEIGHT, TINY_SPACE, WIDTH, expected, save_tiny, tiny_card, tiny_masks_card

from famda_ros.errors import FamdaError
from famda_ros.messages.bag_reader import custom_data, iter_frames, read_messages, topics_of
from famda_ros.messages.bag_types import message_type, stamp_ns_of
from famda_ros.messages.bag_writer import BagWriter
from famda_ros.messages.depth_image import decompress_depth
from famda_ros.messages.image_messages import compressed_to_rgb, image_to_array
from famda_ros.pipeline.frame_statistics import frame_statistics, scalar_names
from famda_ros.pipeline.offline import FOLDER_PERIOD_NS, open_source, perceive
from famda_ros.resources import resource
from famda_ros.student.colorize import overlay
from famda_ros.student.drift_reference import reference_of
from famda_ros.student.model_card import read_card
from famda_ros.student.runtime import Student

PHOTOGRAPHS = Path(__file__).resolve().parents[4] / 'shared' / 'data' / 'camvid' / 'dusk_val' / 'images'
STAMP = 1_700_000_000_000_000_007


@pytest.fixture
def model(tmp_path):
    return save_tiny(tmp_path / 'tiny.onnx')


def pictures(count=4):
    rng = np.random.default_rng(5)
    return [rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8) for _ in range(count)]


def answers(bag, namespace=''):
    result = {}
    for topic, _, _, message in read_messages(bag):
        result.setdefault(topic.removeprefix(namespace), []).append(message)
    return result


def test_bag_by_value(tmp_path, model):
    with BagWriter(tmp_path / 'drive') as bag:
        for i, image in enumerate(pictures()):
            bag.write_camera_info('/cam/camera_info', STAMP + i, 'optical', WIDTH, HEIGHT, 2 * FOCAL)
            bag.write_image('/cam/image', STAMP + i, 'optical', image)
    progress = []
    result = perceive(
        tmp_path / 'drive', model, tmp_path / 'out', on_progress=lambda done, total: progress.append((done, total))
    )
    assert result['frames'] == 4 and result['malformed'] == 0 and result['fps'] > 0
    assert progress == [(i, 4) for i in range(1, 5)]
    assert custom_data(tmp_path / 'out')['model'] == 'tiny'
    have = answers(tmp_path / 'out', '/cam')
    assert {topic: len(messages) for topic, messages in have.items()} == {
        '/segmentation/labels': 1, '/segmentation/mask': 4, '/segmentation/confidence': 4,
        '/segmentation/color': 4, '/depth/image': 4, '/camera_info': 4,
    }  # fmt: skip
    for i, image in enumerate(pictures()):
        labels, confidence, depth = expected(image)
        for topic, want in (
            ('/segmentation/mask', labels),
            ('/segmentation/confidence', confidence),
            ('/depth/image', 2 * depth),
        ):
            message = have[topic][i]
            assert stamp_ns_of(message.header) == STAMP + i and message.header.frame_id == 'optical'
            np.testing.assert_array_equal(image_to_array(message), want)
        assert stamp_ns_of(have['/camera_info'][i].header) == STAMP + i
        assert have['/camera_info'][i].k[0] == 2 * FOCAL


def test_millimetres_and_images(tmp_path, model):
    """Depth as PNG of millimetres; image files as they were recorded, other images as PNG."""
    images = pictures(2)
    jpeg, form = cv2.imencode('.jpg', images[0])[1].tobytes(), 'bgr8; jpeg compressed bgr8'
    for name in ('raw', 'jpeg'):
        with BagWriter(tmp_path / name) as bag:
            if name == 'raw':
                bag.write_image('/cam/image', STAMP, 'optical', images[0])
            else:
                bag.write_compressed_bytes('/cam/image/compressed', STAMP, 'optical', jpeg, form)
        out = tmp_path / f'{name}_out'
        perceive(tmp_path / name, model, out, depth='millimetres', with_images=True)
        have = answers(out, '/cam')
        assert '/depth/image' not in have and len(have['/segmentation/mask']) == 1
        (image,), (depth,) = have['/image/compressed'], have['/depth/image/compressedDepth']
        seen = compressed_to_rgb(image)
        assert (image.header.frame_id, stamp_ns_of(depth.header)) == ('optical', STAMP)
        if name == 'raw':
            np.testing.assert_array_equal(seen, images[0])
        else:
            assert (bytes(image.data), image.format) == (jpeg, form)
        _, _, metres = expected(seen)
        np.testing.assert_allclose(
            decompress_depth(depth), np.where(metres > 65.534, np.inf, np.where(metres > 0, metres, np.nan)), atol=6e-4
        )
    (tmp_path / 'photos').mkdir()
    (tmp_path / 'photos' / 'a.jpg').write_bytes(jpeg)
    perceive(tmp_path / 'photos', model, tmp_path / 'photos_out', with_images=True)
    have = answers(tmp_path / 'photos_out')
    assert bytes(have['/image/compressed'][0].data) == jpeg and have['/depth/image'][0].encoding == '32FC1'


def test_answers_of_a_real_student_are_small(tmp_path):
    """A street of camera size: with depth as millimetres, 5 times smaller than the arrays at least."""
    image = np.full((360, 640, 3), 128, np.uint8)
    image[200:] = (90, 85, 80)
    image[120:220, 60:200], image[100:230, 400:620] = (140, 60, 50), (60, 90, 40)
    cv2.imwrite(str(tmp_path / 'a.png'), cv2.GaussianBlur(image, (5, 5), 0))
    sizes = {}
    for depth in ('float', 'millimetres'):
        perceive(tmp_path, resource('models/street.onnx'), tmp_path / depth, depth=depth)
        sizes[depth] = sum(file.stat().st_size for file in (tmp_path / depth).glob('*.mcap'))
    raw = 360 * 640 * (1 + 1 + 3 + 4)
    assert sizes['millimetres'] < raw / 5 and sizes['millimetres'] < 0.6 * sizes['float']


def test_folders(tmp_path, model):
    folder = tmp_path / 'images'
    folder.mkdir()
    for i, image in enumerate(pictures(2)):
        cv2.imwrite(str(folder / f'{i}.png'), image[..., ::-1])
    (folder / '2.png').write_text('no image')
    assert perceive(folder, model, tmp_path / 'a')['malformed'] == 1
    masks = answers(tmp_path / 'a')['/segmentation/mask']
    assert [stamp_ns_of(m.header) for m in masks] == [10**9, 10**9 + FOLDER_PERIOD_NS]
    np.testing.assert_array_equal(image_to_array(masks[1]), expected(pictures(2)[1])[0])

    height, width = pictures(2)[1].shape[:2]
    line = {'stem': '1', 'image': '1.png', 'width': width, 'height': height, 'focal': 2 * FOCAL}
    lines = [{**line, 'extra': {'stamp_ns': STAMP}}]
    (folder / 'frames.jsonl').write_text('\n'.join(map(json.dumps, lines)))
    assert perceive(folder, model, tmp_path / 'b')['frames'] == 1
    have = answers(tmp_path / 'b')
    assert stamp_ns_of(have['/depth/image'][0].header) == STAMP
    np.testing.assert_array_equal(image_to_array(have['/depth/image'][0]), 2 * expected(pictures(2)[1])[2])
    assert have['/camera_info'][0].k[0] == 2 * FOCAL

    (folder / 'frames.jsonl').write_text(json.dumps({**line, 'width': 2 * width, 'height': 2 * height}))
    perceive(folder, model, tmp_path / 'c')  # the image was made smaller in place: so is its focal
    assert answers(tmp_path / 'c')['/camera_info'][0].k[0] == FOCAL
    (folder / 'frames.jsonl').write_text(json.dumps({**line, 'width': 2 * width}))
    with pytest.raises(FamdaError, match=r'1\.png. has .* another shape'):
        perceive(folder, model, tmp_path / 'd')


def test_faults_leave_no_bag(tmp_path, model):
    (tmp_path / 'empty').mkdir()
    with pytest.raises(FamdaError, match='is empty; give a bag or a folder of images'):
        perceive(tmp_path / 'empty', model, tmp_path / 'out')
    (tmp_path / 'empty' / 'x.png').write_text('no image')
    with pytest.raises(FamdaError, match='no image that can be read'):
        perceive(tmp_path / 'empty', model, tmp_path / 'out')
    with pytest.raises(FamdaError, match='leave --topic out'):
        perceive(tmp_path / 'empty', model, tmp_path / 'out', topic='/image')
    with pytest.raises(FamdaError, match='does not exist'):
        perceive(tmp_path / 'nope', model, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_real_photographs(tmp_path, model):
    if not PHOTOGRAPHS.is_dir():
        pytest.skip(f'no photographs at {PHOTOGRAPHS}')
    files = sorted(PHOTOGRAPHS.iterdir())[:6]
    with BagWriter(tmp_path / 'drive') as bag:
        for i, file in enumerate(files):
            image = cv2.imread(str(file))[..., ::-1]
            bag.write_compressed_image('/cam/image/compressed', STAMP + i, 'optical', np.ascontiguousarray(image))
            bag.write_camera_info('/cam/camera_info', STAMP + i, 'optical', image.shape[1], image.shape[0], 900.0)
    result = perceive(tmp_path / 'drive', model, tmp_path / 'out')
    assert result['frames'] == len(files)
    have = answers(tmp_path / 'out', '/cam')
    assert topics_of(tmp_path / 'out')['/cam/depth/image'][1] == len(files)
    limit = 80.0 * 900.0 * WIDTH / image.shape[1] / FOCAL
    for i in range(len(files)):
        mask, depth = have['/segmentation/mask'][i], have['/depth/image'][i]
        assert (mask.encoding, depth.encoding) == ('mono8', '32FC1')
        assert (mask.height, mask.width) == (depth.height, depth.width) == image.shape[:2]
        assert mask.header == depth.header == have['/camera_info'][i].header
        assert set(np.unique(image_to_array(mask))) <= {0, 1}
        metres = image_to_array(depth)
        finite = metres[np.isfinite(metres)]
        assert 0 <= finite.min() < finite.max() <= limit * 1.0001


def test_verb(tmp_path, model, capsys):
    pytest.importorskip('jsonargparse', reason='the workspace ([train]) is not installed')
    from famda_train.commands.cli import main
    from famda_train.pictures.depth_colors import depth_picture

    (tmp_path / 'images').mkdir()
    for i, image in enumerate(pictures(3)):
        cv2.imwrite(str(tmp_path / 'images' / f'{i}.png'), image)
    looked_at = tmp_path / 'looked_at'
    arguments = [str(tmp_path / 'images'), '--model', model, '--out', str(tmp_path / 'out')]
    extra = ['--json', str(tmp_path / 'result.json'), '--pictures', str(looked_at)]
    assert main(['perceive', *arguments, *extra]) == 0
    assert json.loads((tmp_path / 'result.json').read_text())['frames'] == 3
    assert '3 frames at' in capsys.readouterr().out
    assert sorted(path.name for path in looked_at.iterdir()) == ['0.png', '1.png', '2.png']
    shown = cv2.imread(str(looked_at / '1.png'))[..., ::-1]
    image = pictures(3)[1][..., ::-1].copy()  # OpenCV wrote RGB as if it were BGR
    labels, _, depth = expected(image)
    np.testing.assert_array_equal(shown[:, :WIDTH], overlay(image, labels, read_card(model).label_space))
    np.testing.assert_array_equal(shown[:, WIDTH:], depth_picture(depth))
    assert main(['perceive', *arguments]) == 2
    assert 'exists already' in capsys.readouterr().err


def test_verb_without_a_model(tmp_path):
    """It takes the one that comes with the package."""
    pytest.importorskip('jsonargparse', reason='the workspace ([train]) is not installed')
    from famda_train.commands.cli import main

    (tmp_path / 'images').mkdir()
    cv2.imwrite(str(tmp_path / 'images' / '0.png'), pictures(1)[0])
    assert main(['perceive', str(tmp_path / 'images'), '--out', str(tmp_path / 'out')]) == 0
    card = read_card(resource('models/street.onnx'))
    assert custom_data(tmp_path / 'out')['weights_sha256'] == card.weights_sha256


def test_pictures_are_called_after_what_they_show(tmp_path, model):
    """Also where two files have one stem, two images one stamp, or an image before them cannot be read."""
    folder = tmp_path / 'images'
    folder.mkdir()
    for name in ('a.png', 'a.bmp', 'b.png', '.hidden.png'):
        cv2.imwrite(str(folder / name), pictures(1)[0])
    names = []
    perceive(folder, model, tmp_path / 'out', on_outputs=lambda frame, *_: names.append(frame.name))
    assert names == ['a.bmp', 'a.png', 'b']
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write_image('/cam/image', STAMP, 'optical', pictures()[0])
        header = next(message for _, _, _, message in read_messages_of(tmp_path)).header
        broken = message_type('sensor_msgs/msg/Image')(header, 1, 1, 'odd', 0, 1, np.zeros(1, np.uint8))
        bag.write_message('/cam/image', STAMP, broken)
        bag.write_image('/cam/image', STAMP, 'optical', pictures()[1])
    names.clear()
    perceive(tmp_path / 'bag', model, tmp_path / 'again', on_outputs=lambda frame, *_: names.append(frame.name))
    assert names == ['000000_1700000000.000000007', '000002_1700000000.000000007']


def read_messages_of(tmp_path):
    with BagWriter(tmp_path / 'other') as bag:
        bag.write_image('/cam/image', STAMP, 'optical', pictures()[0])
    return read_messages(tmp_path / 'other')


def test_pictures_that_are_stored_turned_are_named(tmp_path, model):
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / 'images').mkdir()
    for name, options in (('a.jpg', {}), ('b.jpg', {'exif': exif})):
        Image.fromarray(pictures(1)[0]).save(tmp_path / 'images' / name, **options)
    (sentence,) = perceive(tmp_path / 'images', model, tmp_path / 'out')['losses']
    assert "b.jpg' says by EXIF" in sentence and '(orientation 6)' in sentence
    with BagWriter(tmp_path / 'bag') as bag:
        for _ in range(2):
            kind = message_type('sensor_msgs/msg/CompressedImage')
            header = next(message for _, _, _, message in read_messages_of(tmp_path / 'images')).header
            shutil.rmtree(tmp_path / 'images' / 'other')
            data = np.fromfile(tmp_path / 'images' / 'b.jpg', np.uint8)
            bag.write_message('/cam/image/compressed', STAMP, kind(header=header, format='jpeg', data=data))
    (sentence,) = perceive(tmp_path / 'bag', model, tmp_path / 'again')['losses']
    assert 'topic /cam/image/compressed: its first image says by EXIF' in sentence


@pytest.mark.parametrize(
    ('files', 'what'),
    [
        ([], 'is empty; give a bag'),
        (['sub/a.png'], "only in folders below it; give one of them, such as '.*sub'"),
        (['rec_0.db3.zstd'], 'is a compressed bag without metadata.yaml; unpack its files: zstd -d .*rec_0'),
        (['notes.txt'], 'is neither a bag nor a folder with images'),
        (['frames.jsonl'], 'holds no frames'),
    ],
)
def test_folders_without_images_are_told_as_what_they_are(files, what, tmp_path, model):
    (tmp_path / 'folder').mkdir()
    for name in files:
        (tmp_path / 'folder' / name).parent.mkdir(exist_ok=True)
        (tmp_path / 'folder' / name).write_bytes(b'')
    with pytest.raises(FamdaError, match=what):
        perceive(tmp_path / 'folder', model, tmp_path / 'out')


def test_stamps_of_some_frames_are_not_mixed_with_made_ones(tmp_path):
    height, width = pictures(1)[0].shape[:2]
    lines = []
    for i, image in enumerate(pictures(2)):
        cv2.imwrite(str(tmp_path / f'{i}.png'), image)
        line = {'stem': str(i), 'image': f'{i}.png', 'width': width, 'height': height, 'focal': 2 * FOCAL}
        lines.append({**line, 'extra': {'stamp_ns': STAMP}} if i else line)
    (tmp_path / 'frames.jsonl').write_text('\n'.join(map(json.dumps, lines)))
    told = []
    frames = list(open_source(tmp_path, None, told.append, told.append, told.append)[1])
    assert [frame.stamp_ns for frame in frames] == [10**9, 10**9 + FOLDER_PERIOD_NS]
    assert told == ['1 of 2 frames have no stamp_ns: none is used, and all are stamped 10 Hz apart']


@pytest.mark.slow
def test_a_recording_of_another_domain_is_told(tmp_path, capsys):
    """By `famda perceive`, at its end, and only where the card has a reference."""
    pytest.importorskip('jsonargparse', reason='the workspace ([train]) is not installed')
    from famda_train.commands.cli import main

    rng = np.random.default_rng(3)

    def write(name, sky):
        with BagWriter(tmp_path / name) as bag:
            for i in range(60):
                image = np.full((HEIGHT, WIDTH, 3), 90.0) + rng.normal(0, 5) + rng.normal(0, 2, (HEIGHT, WIDTH, 3))
                image[: HEIGHT // 2] += sky
                bag.write_image('/cam/image', STAMP + i * 10**8, 'optical', np.clip(image, 0, 255).astype(np.uint8))

    write('home', 100)
    write('other', -60)
    plain = Student(save_tiny(tmp_path / 'plain.onnx'), provider='cpu')
    frames = [frame.image for frame in iter_frames(tmp_path / 'home')]
    table = np.array([frame_statistics(image, plain.predict(image), TINY_SPACE) for image in frames * 2])
    reference = reference_of(scalar_names(plain.card.label_space), table, 'home')
    model = save_tiny(tmp_path / 'tiny.onnx', card=tiny_card(reference=reference, domain='noon'))
    for name, state, said in (
        ('home', 'home', "domain: looks like what this student was adapted to ('noon')"),
        ('other', 'unlike', "of 60 frames: looks unlike what this student was adapted to ('noon'): "),
    ):
        out = str(tmp_path / f'{name}_out')
        assert main(['perceive', str(tmp_path / name), '--model', str(model), '--out', out]) == 0
        assert said in capsys.readouterr().out
        domains = perceive(tmp_path / name, model, tmp_path / f'{name}_again')['domain']
        assert set(domains) == {'waiting', state} and sum(seen['frames'] for seen in domains.values()) == 60
    main(['perceive', str(tmp_path / 'other'), '--model', str(plain.path), '--out', str(tmp_path / 'last')])
    assert 'domain: the model card has no reference' in capsys.readouterr().out


@pytest.mark.parametrize('outputs', [('labels',), ('labels', 'confidence')])
def test_what_a_student_does_not_give_is_no_topic(tmp_path, outputs):
    with BagWriter(tmp_path / 'drive') as bag:
        for i, image in enumerate(pictures()):
            bag.write_image('/cam/image', STAMP + i, 'optical', image)
    model = save_tiny(tmp_path / 'masks.onnx', card=tiny_masks_card(outputs=outputs))
    result = perceive(tmp_path / 'drive', model, tmp_path / 'out')
    names = ['segmentation/confidence'] * ('confidence' in outputs)
    wanted = {'segmentation/mask', 'segmentation/color', 'segmentation/labels', *names}
    assert {topic.removeprefix('/cam/') for topic in topics_of(tmp_path / 'out')} == wanted
    assert 'depth/image' in result['missing'] and result['calibration'] == {}  # no metres: none is missed
