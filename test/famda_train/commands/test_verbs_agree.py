# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Whatever is wrong with data, every verb that reads it says so, and for the same reason; what is right, all take."""
from __future__ import annotations

import json
import re
import shutil

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image
from small_street import HEIGHT, TEACHERS, WIDTH, write_labelled_street

from famda_ros.errors import FamdaError
from famda_ros.messages.frame_index import INDEX
from famda_ros.pipeline.offline import open_source
from famda_ros.student.runtime import Prediction
from famda_train.commands.perceive import check_source
from famda_train.datasets.catalogue import open_dataset
from famda_train.datasets.checks import spread_images
from famda_train.datasets.frame_folder import FrameFolder, read_png, write_png
from famda_train.evaluation.evaluate import evaluate
from famda_train.inspection.dataset_check import check_data
from famda_train.labelling.labelling import label_frames
from famda_train.training.samples import Samples


def fit(path):
    """As a source, then as a target; what a training reads later, all of it is read."""
    for how in ({'ground_truth': True}, TEACHERS):
        samples = Samples(FrameFolder(path), **how)
        for index in range(len(samples)):
            samples[index]


def evaluate_verb(path):
    def predict(image, _focal):
        labels = np.zeros(image.shape[:2], np.uint8)
        return Prediction(labels, labels, np.full(image.shape[:2], 9.0, np.float32), {})

    evaluate(predict, open_dataset(path))


def export(path):
    list(spread_images(open_dataset(path), 40))


def perceive(path):
    check_source(path)
    faults = []
    _, frames = open_source(path, None, faults.append, faults.append, faults.append)
    list(frames)
    return faults


def label(path):
    shutil.rmtree(path / 'teachers')
    return [failed['reason'] for failed in label_frames(open_dataset(path), 'masks', 'felzenszwalb')['failed']]


def doctor(path):
    return check_data(path)['problems']


VERBS = {
    'fit': fit, 'evaluate': evaluate_verb, 'export': export, 'perceive': perceive, 'doctor': doctor, 'label': label,
}  # fmt: skip
READ_IMAGES = set(VERBS)
READ_TRUTH = {'fit', 'evaluate', 'doctor'}
READ_STORES = {'fit', 'doctor'}


@pytest.fixture(scope='module')
def street(tmp_path_factory):
    return write_labelled_street(tmp_path_factory.mktemp('agree') / 'street', 'night', 3)


def records(path, **changes):
    """Change the line of the second frame."""
    lines = (path / INDEX).read_text().splitlines()
    line = json.dumps({**json.loads(lines[1]), **changes})
    (path / INDEX).write_text('\n'.join([lines[0], line, lines[2]]) + '\n')


def write(path, array, extension='.png'):
    """Write the image of the second frame."""
    path = path / 'images' / '000001.png'
    path.write_bytes(cv2.imencode(extension, array)[1].tobytes())
    return path


def noise(*shape, top=256, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, top, shape, np.int64).astype(dtype)


def cut(path, extension, share):
    file = write(path, noise(HEIGHT, WIDTH, 3), extension)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])


def stored(path, store, line=None, picture=None):
    folder = path / 'teachers' / store
    if line is not None:
        lines = (folder / 'index.jsonl').read_text().splitlines()
        (folder / 'index.jsonl').write_text('\n'.join(line(lines)) + '\n' * bool(line(lines)))
    if picture is not None:
        write_png(folder / '000001.png', picture)


MASKS, DEPTH = 'masks-felzenszwalb', 'depth-street-world'
FAULTS = {
    'image missing': (lambda p: (p / 'images' / '000001.png').unlink(), 'missing', READ_IMAGES),
    'image is text': (lambda p: (p / 'images' / '000001.png').write_text('x'), 'missing or damaged', READ_IMAGES),
    'image is empty': (lambda p: (p / 'images' / '000001.png').write_bytes(b''), 'missing or damaged', READ_IMAGES),
    'PNG cut off': (lambda p: cut(p, '.png', 0.7), 'damaged image file', READ_IMAGES),
    'JPEG cut off': (lambda p: cut(p, '.jpg', 0.7), 'cut off or damaged', READ_IMAGES),
    'image of another shape': (lambda p: write(p, noise(WIDTH, HEIGHT, 3)), 'another shape', READ_IMAGES),
    '12 bits in 16': (lambda p: write(p, noise(HEIGHT, WIDTH, 3, top=4096, dtype=np.uint16)), '16-bit', READ_IMAGES),
    'image of floats': (lambda p: write(p, noise(HEIGHT, WIDTH, 3, dtype=np.float32), '.tiff'), 'float32', READ_IMAGES),
    'a stem twice': (lambda p: records(p, stem='000000'), "stem '000000' stands for an earlier", READ_IMAGES),
    'a stem outside': (lambda p: records(p, stem='../../x'), 'no plain file name', READ_IMAGES),
    'an image outside': (lambda p: records(p, image='../x.png'), 'inside the folder', READ_IMAGES),
    'focal of no lens': (lambda p: records(p, focal=3.0), 'focal must be', READ_IMAGES),
    'focal NaN': (lambda p: records(p, focal=float('nan')), 'NaN is no number of JSON', READ_IMAGES),
    'focal as text': (lambda p: records(p, focal='50'), 'focal must be', READ_IMAGES),
    'size of nothing': (lambda p: records(p, width=0), 'width must be', READ_IMAGES),
    'size of another shape': (lambda p: records(p, width=HEIGHT), 'another shape', READ_IMAGES),
    'records of two sizes': (lambda p: double(p), 'images of 2 sizes|made from other images', {'fit', 'doctor'}),
    'an image twice': (lambda p: records(p, image='images/000000.png'), "that of the frame '000000'", READ_IMAGES),
    'a key twice': (lambda p: twice(p), "'focal' stands twice", READ_IMAGES),
    'half a line': (lambda p: (p / INDEX).write_text('{"stem": "0'), 'line 1 is damaged', READ_IMAGES),
    'no frames': (lambda p: (p / INDEX).write_text('\n'), 'holds no frames', READ_IMAGES),
    'no index': (lambda p: (p / INDEX).unlink(), 'frames.jsonl', READ_IMAGES),
    'info is no mapping': (lambda p: (p / 'dataset.yaml').write_text('x'), 'dataset.yaml', READ_IMAGES),
    'unknown label space': (lambda p: info(p, label_space='flat8'), 'flat8', READ_IMAGES),
    'label space twice': (lambda p: append(p, 'label_space: camvid11\n'), "'label_space' stands twice", READ_IMAGES),
    'no label space': (lambda p: info(p, label_space=None), 'no label space', READ_IMAGES),
    'ids outside': (lambda p: truth(p, 'labels', noise(HEIGHT, WIDTH, top=40)), 'does not define', READ_TRUTH),
    'all 255': (lambda p: silence(p), 'no pixel of .* is labelled', READ_TRUTH),
    'labels of another shape': (lambda p: truth(p, 'labels', noise(WIDTH, HEIGHT, top=7)), '32x64', READ_TRUTH),
    'labels in colour': (lambda p: truth(p, 'labels', noise(HEIGHT, WIDTH, 3)), 'in one channel', READ_TRUTH),
    'labels of 1 bit': (lambda p: bits(p), '1 bits a pixel, so that 1 would be read as 255', READ_TRUTH),
    'labels called else': (lambda p: rename(p, 'labels', '_labelIds.png'), 'belong to no frame', READ_TRUTH),
    'labels as BMP': (lambda p: rename(p, 'labels', '.bmp', 1), '1 files that belong to no frame', READ_TRUTH),
    'depth called else': (lambda p: rename(p, 'depth', '.PNG'), '3 of 3 frames have no depth', READ_TRUTH),
    'depth in metres': (lambda p: unit(p, 0.01), 'read in centimetres', READ_TRUTH),
    'depth in millimetres': (lambda p: unit(p, 10), 'read in centimetres', READ_TRUTH),
    'labels damaged': (lambda p: (p / 'labels' / '000001.png').write_text('x'), 'damaged', READ_TRUTH),
    'depth of another shape': (lambda p: truth(p, 'depth', noise(64, 64, dtype=np.uint16)), '64x64', READ_TRUTH),
    'depth of 8 bits': (lambda p: truth(p, 'depth', noise(HEIGHT, WIDTH)), 'instead of uint16', READ_TRUTH),
    'store empty': (lambda p: stored(p, MASKS, lambda lines: []), 'holds 0 of 3 frames', READ_STORES),
    'store incomplete': (lambda p: stored(p, DEPTH, lambda lines: lines[:2]), 'holds 2 of 3', READ_STORES),
    'store line damaged': (lambda p: stored(p, DEPTH, lambda a: [*a[:2], '{}']), 'line 3 is damaged', READ_STORES),
    'store of another shape': (lambda p: stored(p, MASKS, picture=noise(64, 64, dtype=np.uint16)), '64x', READ_STORES),
    'store picture of another': (lambda p: stored(p, DEPTH, picture=grey16(p)), 'other pictures than', READ_STORES),
    'store of other images': (lambda p: write(p, noise(HEIGHT, WIDTH, 3)), 'made from other images', READ_STORES),
}
SOUND = {
    'as it is': lambda p: None,
    'grey image': lambda p: write(p, noise(HEIGHT, WIDTH)),
    '16 bits': lambda p: write(p, noise(HEIGHT, WIDTH, 3, top=65536, dtype=np.uint16)),
    'transparency': lambda p: write(p, noise(HEIGHT, WIDTH, 4)),
    'JPEG called png': lambda p: write(p, noise(HEIGHT, WIDTH, 3), '.jpg'),
    'image resized in place': lambda p: write(p, noise(2 * HEIGHT, 2 * WIDTH, 3)),
    'byte order mark': lambda p: (p / INDEX).write_bytes(b'\xef\xbb\xbf' + (p / INDEX).read_bytes()),
    'truth of frames that are gone': lambda p: shutil.copy(p / 'labels' / '000001.png', p / 'labels' / '000009.png'),
    'image of 1 bit': lambda p: Image.fromarray(noise(HEIGHT, WIDTH)).convert('1').save(p / 'images' / '000001.png'),
    'focal unknown': lambda p: records(p, focal=None),
    'labels of double the size': lambda p: truth(p, 'labels', noise(2 * HEIGHT, 2 * WIDTH, top=7)),
    'partly labelled': lambda p: [(p / kind / '000001.png').unlink() for kind in ('labels', 'depth')],
}  # fmt: skip


def double(path):
    records(path, width=2 * WIDTH, height=2 * HEIGHT, focal=80.0)
    write(path, noise(2 * HEIGHT, 2 * WIDTH, 3))


def info(path, **changes):
    values = yaml.safe_load((path / 'dataset.yaml').read_text())
    (path / 'dataset.yaml').write_text(yaml.safe_dump({**values, **changes}))


def append(path, line):
    (path / 'dataset.yaml').write_text((path / 'dataset.yaml').read_text() + line)


def twice(path):
    text = (path / INDEX).read_text()
    (path / INDEX).write_text(text.replace('"focal"', '"focal": 50.0, "focal"', 1))


def bits(path):
    """Write labels of the classes 0 and 1 as a picture of black and white, in the same numbers."""
    for file in (path / 'labels').iterdir():
        Image.fromarray(read_png(file) == 1).save(file)


def rename(path, kind, end, count=None):
    for file in sorted((path / kind).iterdir())[:count]:
        file.rename(file.with_name(file.stem + end))


def unit(path, factor):
    for file in (path / 'depth').iterdir():
        write_png(file, np.minimum(read_png(file) * factor, 65535).astype(np.uint16))


def grey16(path):
    return read_png(path / 'teachers' / DEPTH / '000000.png')


def truth(path, kind, array):
    write_png(path / kind / '000001.png', array)


def silence(path):
    for file in (path / 'labels').iterdir():
        write_png(file, np.full((HEIGHT, WIDTH), 255, np.uint8))


def answers(street, tmp_path, change):
    """Return {verb: what it finds wrong} with a copy of a folder; label is the last, as it writes."""
    path = tmp_path / 'street'
    shutil.copytree(street, path)
    change(path)
    said = {}
    for name, verb in VERBS.items():
        try:
            said[name] = [str(fault) for fault in verb(path) or []]
        except FamdaError as error:
            said[name] = [str(error)]
    return said


@pytest.mark.parametrize('name', FAULTS)
def test_who_reads_a_fault_names_it(street, tmp_path, name):
    change, reason, readers = FAULTS[name]
    said = answers(street, tmp_path, change)
    silent = {verb: faults for verb, faults in said.items() if not any(re.search(reason, fault) for fault in faults)}
    assert not readers & set(silent), silent
    assert all('\n' not in fault for faults in said.values() for fault in faults)
    others = {verb: faults for verb, faults in said.items() if verb not in readers and faults}
    assert not others, 'who does not read it does not object'


@pytest.mark.parametrize('name', SOUND)
def test_all_take_what_is_right(street, tmp_path, name):
    def change(path):
        SOUND[name](path)
        shutil.rmtree(path / 'teachers')
        for role, teacher in TEACHERS.items():
            label_frames(FrameFolder(path), role, teacher)

    said = answers(street, tmp_path, change)
    assert list(said) == list(VERBS) and not any(said.values()), said
