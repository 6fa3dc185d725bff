# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0

import json

import numpy as np
import pytest
import torch
from small_street import HEIGHT, WIDTH, write_checkpoint, write_street

from famda_ros.errors import FamdaError
from famda_ros.resources import resource
from famda_ros.student.runtime import Student
from famda_train.adapt import compare as comparing
from famda_train.adapt.compare import compare
from famda_train.adapt.compare_frames import labelled_scores, look, read_frames
from famda_train.adapt.compare_students import RawStudent
from famda_train.adapt.gate import MOST_GAIN
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.datasets.render_to_disk import write_drive
from famda_train.export.export_student import export_student
from famda_train.label_store.label_store import LabelStore
from famda_train.models.checkpoint import load_student, save_student
from famda_train.world.drive import drive


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """Frames of a place without labels, the same with labels, and others that are labelled."""
    folder = tmp_path_factory.mktemp('place')
    return (
        write_street(folder / 'night', 'night', 12, truth=False),
        FrameFolder(write_street(folder / 'labelled', 'night', 12)),
        FrameFolder(write_street(folder / 'day', 'day', 8)),
    )


def trained(path, data, steps=60):
    """A student that has seen some of the place."""
    network, spec = load_student(write_checkpoint(path))
    optimiser = torch.optim.Adam(network.train().parameters(), 1e-2)
    images = torch.from_numpy(np.stack([data.image(i) for i in range(len(data))])).permute(0, 3, 1, 2).float() / 255
    labels = torch.from_numpy(np.stack([data.labels(i) for i in range(len(data))])).long()[:, ::4, ::4]
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(network(images)['segmentation'], labels, ignore_index=255)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    save_student(path, spec, network.eval())
    return path


@pytest.fixture(scope='module')
def students(tmp_path_factory, place):
    """A student that knows nothing, and one that has learnt something; both by day and by night."""
    folder = tmp_path_factory.mktemp('students')
    both = FrameFolder(write_street(folder / 'both', 'night', 16, first=50))
    poor, good = write_checkpoint(folder / 'poor.ckpt'), trained(folder / 'good.ckpt', both)
    return poor, good


def changed(path, out, change):
    network, spec = load_student(path)
    with torch.no_grad():
        change(network)
    save_student(out, spec, network)
    return out


def test_a_better_student_is_promoted_and_a_worse_one_held(students, place):
    poor, good = students
    recording, labelled, day = place
    seen = []
    result = compare(poor, good, recording, labelled=day, progress=lambda *step: seen.append(step))
    assert set(result.terms) == {'nuclear_norm', 'mask_information', 'labelled_miou'}
    assert result.total == pytest.approx(sum(term['gain'] for term in result.terms.values()))
    assert all(term['gain'] > 0 for term in result.terms.values())
    assert {what for what, *_ in seen} > {'reading frames', 'running good.ckpt'}
    back = compare(good, poor, recording, labelled=day)
    assert back.verdict == 'hold' and back.total < -result.total < 0  # what is lost on labelled frames counts in full
    assert result.terms['labelled_miou']['gain'] == MOST_GAIN['labelled_miou'] < -back.terms['labelled_miou']['gain']
    truth = [labelled_scores(RawStudent(path), labelled) for path in students]
    assert truth[1].miou > truth[0].miou + 5
    pixels = np.concatenate([labelled.labels(index).ravel() for index in range(len(labelled))])
    shares = np.bincount(pixels[pixels != 255], minlength=7) / (pixels != 255).sum()
    for known in truth:
        np.testing.assert_allclose(known.there, shares, atol=0.02)  # the labels are read at the logits' size
        assert known.found.sum() == pytest.approx(1)


def test_a_student_is_as_good_as_itself_and_asks_for_labels(students, place):
    result = compare(students[1], students[1], place[0], labelled=place[2], count=5)
    assert result.verdict == 'ask' and result.total == 0 and result.measured['agreement'] == 1
    assert result.frames == 5 and len(result.frames_to_label) == 5
    assert set(result.frames_to_label) <= {frame.stem for frame in place[1].frames}
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False)) == result.to_dict()


def test_labels_decide(students, place):
    poor, good = students
    recording, labelled, day = place
    better = compare(good, good, recording, labelled=day, labels=labelled)
    assert better.verdict == 'hold' and 'not better for sure' in better.reasons[0]
    assert better.measured['labelled']['miou'][0] == pytest.approx(labelled_scores(RawStudent(good), labelled).miou)
    worse = compare(good, poor, recording, labelled=day, labels=labelled)
    assert worse.verdict == 'hold' and worse.frames_to_label == ()


def test_wrong_metres_and_a_vanished_class_are_held(students, place, tmp_path):
    def longer(network):
        network.heads['depth'][-1].bias += np.log(1.5)

    def no_sky(network):
        network.heads['segmentation'][-1].bias[4] -= 100

    recording, _, day = place
    far = compare(students[1], changed(students[1], tmp_path / 'far.ckpt', longer), recording, labelled=day)
    assert far.verdict == 'hold' and far.measured['depth_ratio'] == pytest.approx(1.5, rel=0.02)
    blind = compare(students[1], changed(students[1], tmp_path / 'blind.ckpt', no_sky), recording, labelled=day)
    assert blind.verdict == 'hold' and "'sky' vanishes" in blind.reasons[0]


def test_labels_are_followed_from_picture_to_picture_of_a_recording(students, place, tmp_path):
    """Not where pictures have no time: the next one of a folder may show anything."""
    write_drive(tmp_path / 'drive', 'night', drive(5, 'night', 5, 10.0, WIDTH, HEIGHT))
    result = compare(students[1], students[1], tmp_path / 'drive', labelled=place[2])
    ours, theirs = result.measured['temporal_agreement']
    assert ours == theirs and 0.5 < ours <= 1 and result.frames == 5
    still = compare(students[1], students[1], place[0], labelled=place[2], count=4)
    assert still.measured['temporal_agreement'] == [None, None]


def test_loss_at_home_is_an_alarm(students, place):
    poor, good = students
    result = compare(good, poor, place[0], labelled=place[2], home=place[1])
    assert any('lost at home' in alarm for alarm in result.alarms)


def test_file_and_checkpoint_say_the_same(students, place, tmp_path):
    """The logits of a file are those that its labels are decided from; scores do not depend on the kind of file."""
    good, recording, day = students[1], place[0], place[2]
    export_student(good, tmp_path / 'good.onnx', day.images(2), confidence=[day])
    ours, theirs = RawStudent(good), RawStudent(tmp_path / 'good.onnx')
    image = day.image(3)
    raw = theirs.predict(image, None)
    file = Student(tmp_path / 'good.onnx', provider='cpu').run(image)
    np.testing.assert_array_equal(raw.prediction.labels, file['labels'])
    assert raw.logits.shape == (HEIGHT // 2, WIDTH // 2, 7)
    doubled = raw.logits.argmax(-1).repeat(2, 0).repeat(2, 1)
    assert (doubled == file['labels']).mean() > 0.9
    assert theirs.card.temperature != 1
    np.testing.assert_allclose(raw.logits * theirs.card.temperature, ours.predict(image, None).logits, atol=1e-3)
    frames = read_frames(recording, ours.card, 6)
    scores = [look(s, frames, labelled_scores(s, day).temperature) for s in (ours, theirs)]
    assert scores[0].nuclear_norm == pytest.approx(scores[1].nuclear_norm, abs=2e-3)  # whatever the file's temperature
    assert scores[0].mask_information == pytest.approx(scores[1].mask_information, abs=1e-4)


def test_masks_of_the_label_store_are_taken(students, place, tmp_path):
    folder = write_street(tmp_path / 'night', 'night', 2)
    card = RawStudent(students[0]).card
    cut = read_frames(folder, card, 2)
    assert len(np.unique(cut[0].segments)) > 2 and cut[0].segments.min() > 0  # superpixels
    store = LabelStore.create(folder, 'masks', {'name': 'own', 'kind': 'segments', 'settings': {}, 'licence': 'x'})
    for stem in ('000000', '000001'):
        store.write_segments(stem, np.full((HEIGHT, WIDTH), 3, np.uint16))
    assert np.unique(read_frames(folder, card, 2)[0].segments).tolist() == [3]


def test_other_classes_and_nothing_to_look_at_are_one_sentence(students, place, tmp_path):
    with pytest.raises(FamdaError, match='students of the same classes'):
        compare(students[0], resource('models/research/camvid_dusk.onnx'), place[0])
    with pytest.raises(FamdaError, match='does not exist'):
        compare(*students, tmp_path / 'none', labelled=place[2])
    with pytest.raises(FamdaError, match='1 frame or more'):
        compare(*students, place[0], count=0)
    with pytest.raises(FamdaError, match='has no labels'):
        compare(*students, place[0], labelled=FrameFolder(place[0]))


def test_without_labelled_data_the_street_world_is_scored(students, place, monkeypatch):
    monkeypatch.setattr(comparing, 'WORLD_FRAMES', 3)
    result = compare(*students, place[0], count=3)
    assert 'labelled_miou' in result.terms
