# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Random damage to the texts of a frame folder and its label store: one sentence, or values that can be.

``FAMDA_DAMAGES`` is the number of damages, the same ones in every run.
"""
import json
import math
import os

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_street import TEACHERS, write_labelled_street

from famda_ros.errors import FamdaError
from famda_ros.messages.frame_index import focal_at, read_frame_index, read_picture
from famda_ros.student.label_space import LABEL_SPACES
from famda_ros.student.runtime import Prediction
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.evaluation.evaluate import evaluate
from famda_train.inspection.dataset_check import check_data
from famda_train.inspection.store_check import check_store
from famda_train.label_store.licences import inherited_licence, teacher_notice
from famda_train.labelling.labelling import label_frames
from famda_train.training.samples import Samples

DAMAGES = int(os.environ.get('FAMDA_DAMAGES', '40'))
STORES = [f'teachers/{role}-{name}' for role, name in TEACHERS.items()]
FILES = ['frames.jsonl', 'dataset.yaml', *(f'{store}/index.jsonl' for store in STORES)]
FILES += [f'{store}/teacher.json' for store in STORES]
HUGE, DEEP = 10**400, json.loads('[' * 60 + ']' * 60)
ODD_TEXTS = ['', '.', '..', '../../escaped', '/etc/passwd', 'a/b', 'a\\b', '\0', '\ud800', 'x' * 300, '000001', 'flat7']
ODD_NUMBERS = [0, -1, 1, 0.5, 1e-320, 1e308, -1e308, 64, 65536, HUGE, -HUGE, math.nan, math.inf, -math.inf, True]
VALUES = (
    st.sampled_from(ODD_TEXTS)
    | st.sampled_from(ODD_NUMBERS)
    | st.sampled_from([None, [], {}, [1], {'a': 1}, DEEP])
    | st.text(max_size=5)
    | st.integers()
    | st.floats()
)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_labelled_street(tmp_path_factory.mktemp('damages') / 'night', 'night', 2)


@st.composite
def bytes_damaged(draw, content: bytes) -> bytes:
    """Cut, overwrite, insert or repeat bytes, as disks, editors and transfers do."""
    start = draw(st.integers(0, len(content)))
    end = draw(st.integers(start, min(len(content), start + 40)))
    odd = st.sampled_from([content[start:end] * 2, b'\n', b'1', b'"', b'- ', b'{'])
    middle = draw(st.binary(max_size=8) | odd)
    return draw(st.sampled_from([content[:start], content[:start] + middle + content[end:], content[start:]]))


@st.composite
def values_damaged(draw, content: bytes, is_yaml: bool) -> bytes:
    """Change, remove or add a value somewhere, or repeat a line: what people and programs write."""
    lines = [content.decode()] if is_yaml else content.decode().splitlines()
    try:
        parsed = [yaml.safe_load(line) if is_yaml else json.loads(line) for line in lines]
    except ValueError:  # teacher.json has many lines
        parsed = [json.loads(content)]
    place = draw(st.integers(0, len(parsed) - 1))
    record = parsed[place]
    target = draw(st.sampled_from([record, *(value for value in record.values() if isinstance(value, dict))]))
    key = draw(st.sampled_from([*target, 'more']) if target else st.just('more'))
    match draw(st.sampled_from(['change', 'change', 'change', 'remove', 'repeat', 'replace'])):
        case 'change':
            target[key] = draw(VALUES)
        case 'remove':
            target.pop(key, None)
        case 'repeat':
            parsed.append(record)
        case 'replace':
            parsed[place] = draw(VALUES)
    dump = yaml.dump if is_yaml else json.dumps
    return ''.join(dump(value) + '\n' for value in parsed).encode('utf-8', 'surrogatepass')


def answer(work):
    """Return what a gate makes of the folder; None = it refused with one sentence."""
    try:
        return work()
    except FamdaError as error:
        assert len(str(error).splitlines()) == 1, error
        return None


def read_all(folder):
    """Return the folder as a source and as a target."""
    return Samples(FrameFolder(folder), ground_truth=True), Samples(FrameFolder(folder), **TEACHERS)


def score(folder):
    def predict(image, focal):
        assert focal is None or image.shape[1] / 5 <= focal <= image.shape[1] * 10
        depth = np.full(image.shape[:2], 9.0, np.float32)
        return Prediction(np.zeros(image.shape[:2], np.uint8), None, depth)

    return evaluate(predict, FrameFolder(folder))


def play(folder):
    """Read the folder as the robot's side does."""
    for record in read_frame_index(folder):
        width = read_picture(folder / record.image).shape[1]
        focal = focal_at(record, width)
        assert focal is None or width / 5 <= focal <= width * 10


def check_values(source, target):
    """Every value that training would compute with is one that can be."""
    assert source.dataset.label_space.name in LABEL_SPACES
    for samples in (source, target):
        check_records(samples)
    for index in range(len(source)):
        labels = source[index]['labels']
        assert ((labels < len(source.dataset.label_space)) | (labels == 255)).all()
    for index in range(len(target)):
        assert not np.isinf(target[index]['teacher_depth']).any()
    for role, identity in target.teacher_identities.items():
        assert isinstance(teacher_notice(identity), str) and isinstance(inherited_licence(role, identity), str)


def check_records(samples):
    stems = [frame.stem for frame in samples.dataset.frames]
    assert len(set(stems)) == len(stems) and not any(set(stem) & set('/\\\0') or stem.startswith('.') for stem in stems)
    for frame in samples.dataset.frames:
        assert frame.width > 0 and frame.height > 0 and '..' not in frame.image
    for index in range(len(samples)):
        sample = samples[index]
        assert 0.2 * samples.size[0] <= sample['focal'] * 1.001 and sample['focal'] <= 10.001 * samples.size[0]


@settings(max_examples=DAMAGES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_damaged_texts_are_refused_in_one_sentence_or_hold_values_that_can_be(folder, data):
    file = folder / data.draw(st.sampled_from(FILES))
    whole = file.read_bytes()
    damaged = data.draw(bytes_damaged(whole) | values_damaged(whole, file.suffix == '.yaml'))
    try:
        file.write_bytes(damaged)
        check_gates(folder)
    finally:
        file.write_bytes(whole)


def check_gates(folder):
    before = {path: path.read_bytes() for path in folder.rglob('*.json*')}
    samples = answer(lambda: read_all(folder))
    scores, report = answer(lambda: score(folder)), check_data(folder, frames=0)
    answer(lambda: play(folder))
    if samples is not None:
        check_values(*samples)
    json.dumps([scores, report], allow_nan=False)
    assert (samples is None) == bool(report['problems']), 'doctor and training agree'
    assert scores is not None or samples is None, 'what can be trained on can be scored'
    assert {path: path.read_bytes() for path in folder.rglob('*.json*')} == before, 'reading only reads'


@pytest.mark.parametrize('index', ['', '{"stem": "000000"}\n', '\0\n[]\n3\n"x"\n{"stem": "../../escaped"}\n'])
def test_verify_mends_an_index_whatever_it_holds(folder, index):
    for role, name in TEACHERS.items():
        path = folder / 'teachers' / f'{role}-{name}' / 'index.jsonl'
        whole = path.read_text()
        path.write_text(whole + index)
        check_store(FrameFolder(folder), role, name, lambda items, total: items)
        label_frames(FrameFolder(folder), role, name)
        assert path.read_text() == whole
