# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda evaluate`` as it is typed."""
import json

import cv2
import pytest
from html_page import Page
from small_street import write_checkpoint, write_street

from famda_ros.errors import FamdaError
from famda_ros.resources import resource
from famda_ros.student.providers import candidates
from famda_train.commands import cli
from famda_train.commands import evaluate as command


@pytest.fixture(scope='module')
def street(tmp_path_factory):
    return write_street(tmp_path_factory.mktemp('street') / 'night', 'night', 2)


@pytest.fixture(scope='module')
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp('models')
    return [str(write_checkpoint(folder / f'{seed}.ckpt', seed=seed)) for seed in (0, 1)]


def test_result_picture_and_baseline(street, models, tmp_path, capsys):
    first, second, png = tmp_path / 'first.json', tmp_path / 'second.json', tmp_path / 'p.png'
    words = ['evaluate', models[0], str(street), '--json', str(first), '--picture', str(png)]
    assert cli.main(words) == cli.EXIT_OK
    assert capsys.readouterr().out.startswith('protocol metric, 2 frames of ')
    result = json.loads(first.read_text())
    assert result['protocol'] == 'metric' and 0 <= result['miou'] <= 100
    picture = cv2.imread(str(png))
    assert picture.shape[0] > 300 and len({tuple(c) for c in picture.reshape(-1, 3)[::7].tolist()}) > 50

    report = tmp_path / 'report.html'
    files = ['--json', str(second), '--report', str(report)]
    words = ['evaluate', models[1], str(street), '--baseline', str(first), *files]
    assert cli.main(words) == cli.EXIT_OK
    text = capsys.readouterr().out
    compared, page = json.loads(second.read_text()), Page(report.read_text())
    for word in (
        f'{result["miou"]:.2f} %', f'{compared["miou"]:.2f} %', f'{compared["rmse"]:.3f} m', 'baseline 0.ckpt',
        f'Delta_MTL {compared["delta_mtl"]:+.2f} %', f'famda evaluate {models[1]} {street} --protocol=metric',
    ):  # fmt: skip
        assert word in page.text
    assert compared['baseline'] == result
    assert f'Delta_MTL {compared["delta_mtl"]:+.2f} %' in text
    assert text.count('baseline 0.ckpt') == 4  # the same title in all tables
    assert text.splitlines()[0].endswith('80 m)')  # one line: it goes into a pipe
    scored_again = command.run(models[1], str(street), baseline=models[0])
    assert scored_again['delta_mtl'] == pytest.approx(compared['delta_mtl'])


def test_where_a_picture_cannot_be_written_nothing_is_scored(street, tmp_path, capsys):
    missing = str(tmp_path / 'no.ckpt')  # would be the next fault
    for option, name, sentence in (
        ('--picture', 'p.jpg', 'must end in .png'), ('--picture', 'gone/p.png', 'cannot write'),
        ('--report', 'r.txt', 'must end in .html'), ('--report', 'gone/r.html', 'cannot write'),
    ):  # fmt: skip
        assert cli.main(['evaluate', missing, str(street), option, str(tmp_path / name)]) == cli.EXIT_ERROR
        assert sentence in capsys.readouterr().err


def test_scores_are_printed_before_the_picture_is_drawn(street, models, tmp_path, capsys, monkeypatch):
    def fail(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('famda_train.pictures.scored_frames.write_comparison', fail)
    assert cli.main(['evaluate', models[0], str(street), '--picture', str(tmp_path / 'p.png')]) == cli.EXIT_ERROR
    told = capsys.readouterr()
    assert 'protocol metric' in told.out and 'No space left' in told.err


def test_a_result_that_holds_a_baseline_is_a_baseline_too(tmp_path):
    path = tmp_path / 'r.json'
    path.write_text(json.dumps({'protocol': 'metric', 'frames': 1, 'baseline': {}, 'gains': {}, 'delta_mtl': 1}))
    assert command.read_result(str(path)) == {'protocol': 'metric', 'frames': 1}


@pytest.mark.parametrize('text', ['{"miou": 3}', '[1]', 'no json'])
def test_what_is_no_result_is_refused(tmp_path, text):
    (tmp_path / 'r.json').write_text(text)
    with pytest.raises(FamdaError, match='famda evaluate --json'):
        command.read_result(str(tmp_path / 'r.json'))


def test_results_of_two_protocols_do_not_compare(street, models, tmp_path):
    path = tmp_path / 'r.json'
    path.write_text(json.dumps({'protocol': 'densemtl', 'frames': 2, 'label_space': 'flat7', 'miou': 3.0}))
    with pytest.raises(FamdaError, match='protocol metric, but densemtl in the baseline'):
        command.run(models[0], str(street), baseline=str(path))


def test_no_truth_and_label_spaces_that_do_not_fit_are_one_sentence(street, models, tmp_path):
    with pytest.raises(FamdaError, match='neither labels nor depth'):
        command.run(models[0], str(write_street(tmp_path / 'bare', 'night', 1, truth=False)))
    with pytest.raises(FamdaError, match='unknown protocol'):
        command.run(models[0], str(street), protocol='best')
    other = write_street(tmp_path / 'other', 'night', 1)
    info = (other / 'dataset.yaml').read_text()
    (other / 'dataset.yaml').write_text(info.replace('flat7', 'synthia13'))
    with pytest.raises(FamdaError, match=r'flat7 cannot be scored against ground truth in synthia13'):
        command.run(models[0], str(other))


def test_a_data_set_with_splits_is_scored_on_its_validation_split(street, models, capsys):
    assert command.validation_split(str(street)) is None
    assert command.validation_split('anything', 'cityscapes') == 'val'
    assert command.validation_split('anything', 'camvid') == 'day_val'
    small = '{frames: 1, width: 64, height: 32}'
    assert cli.main(['evaluate', models[0], 'street-world:day', '--options', small]) == cli.EXIT_OK
    assert '1 frames of street-world day val' in ' '.join(capsys.readouterr().out.split())
    nothing = {'frames': 1, 'width': 64, 'height': 32, 'split': 'nowhere'}
    with pytest.raises(FamdaError, match="unknown split of the street world 'nowhere'"):
        command.run(models[0], 'street-world:day', options=nothing)
    with pytest.raises(FamdaError, match='unknown kind'):
        command.run(models[0], str(street), kind='disk')
    with pytest.raises(FamdaError, match="no option 'split'"):
        command.run(models[0], str(street), split='val')


def test_rows_show_every_label_space_beside_the_baseline():
    thirteen = {'miou': 60.0, 'miou_within': 55.0}
    result = {'label_space': 'synthia16', 'miou': 50.0, 'projections': {'synthia13': thirteen}, 'rmse': 4.0}
    rows = command.metric_rows([result, {'miou': 40.0, 'rmse': None}])
    assert [(title, values) for title, _, values in rows] == [
        ('mIoU, synthia16', [50.0, 40.0]),
        ('mIoU, synthia13', [60.0, None]),
        ('  mean of synthia16 over its classes', [55.0, None]),
        ('rmse', [4.0, None]),
    ]


def test_a_provider_that_cannot_run_the_model_is_told(street, models, capsys):
    missing = next(name for name in ('tensorrt', 'cuda', 'openvino') if name not in candidates())
    assert cli.main(['evaluate', models[0], str(street), '--provider', missing]) == cli.EXIT_ERROR
    assert f"runs in PyTorch; export it to score it on the provider '{missing}'" in capsys.readouterr().err
    shipped = str(resource('models/street.onnx'))
    assert cli.main(['evaluate', shipped, str(street), '--provider', missing]) == cli.EXIT_ERROR
    assert missing in capsys.readouterr().err
    assert cli.main(['evaluate', shipped, str(street), '--provider', 'cpu']) == cli.EXIT_OK


def test_a_partly_labelled_folder_is_scored_on_the_frames_that_are(models, tmp_path, capsys):
    folder = write_street(tmp_path / 'night', 'night', 5)
    for stem in ('000000', '000003'):
        for kind in ('labels', 'depth'):
            (folder / kind / f'{stem}.png').unlink()
    result = command.run(models[0], str(folder), picture=str(tmp_path / 'four.png'))
    assert (result['frames'], result['frames_in_all']) == (3, 5) and result['miou'] is not None
    command.print_result(result)
    assert '3 of 5 frames of' in ' '.join(capsys.readouterr().out.split())
