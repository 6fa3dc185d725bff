# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Frame folders: what is written comes back, what is cut short is recognised."""
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from famda_ros.errors import FamdaError
from famda_train.datasets.frame_folder import FrameFolder, FrameFolderWriter

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9))


@st.composite
def frames(draw):
    """Return keyword arguments of ``add``, or some of them."""
    shape = draw(SHAPES)
    metres = st.floats(0.03125, 600, width=32) | st.sampled_from([float('nan'), float('inf')])
    optional = {
        'focal': st.floats(0.2, 10).map(lambda widths: widths * shape[1]),
        'labels': hnp.arrays(np.uint8, shape, elements=st.integers(0, 7) | st.just(255)),
        'depth': hnp.arrays(np.float32, shape, elements=metres),
        'instances': hnp.arrays(np.uint16, shape),
        'stamp': st.integers(0, 2**62),
    }
    frame = {'image': draw(hnp.arrays(np.uint8, (*shape, 3)))}
    for key in draw(st.sets(st.sampled_from(sorted(optional)))):
        frame[key] = draw(optional[key])
    return frame


@settings(max_examples=30, deadline=None)
@given(st.lists(frames(), min_size=1, max_size=3))
def test_what_is_written_comes_back(given_frames):
    with tempfile.TemporaryDirectory() as path:
        with FrameFolderWriter(path, name='any', label_space='vkitti8', origin='a test', seed=3) as writer:
            for index, frame in enumerate(given_frames):
                writer.add(f'{index:06d}', **frame)
        folder = FrameFolder(path)
        assert len(folder) == len(given_frames)
        assert folder.label_space is not None and folder.label_space.name == 'vkitti8'
        assert (folder.info['origin'], folder.info['seed']) == ('a test', 3)
        assert not list(Path(path).rglob('*.tmp*'))
        for index, frame in enumerate(given_frames):
            record = folder.frames[index]
            np.testing.assert_array_equal(folder.image(index), frame['image'])
            assert (record.height, record.width) == frame['image'].shape[:2]
            assert record.focal == frame.get('focal')
            assert record.extra.get('stamp') == frame.get('stamp')
            if 'labels' in frame:
                np.testing.assert_array_equal(folder.labels(index), frame['labels'])
            if 'instances' in frame:
                np.testing.assert_array_equal(folder.instances(index), frame['instances'])
            if 'depth' in frame:
                np.testing.assert_allclose(folder.depth(index), frame['depth'], rtol=1e-6, atol=0.00501)
        for kind in ('labels', 'depth', 'instances'):
            assert folder.has(kind) == any(kind in frame for frame in given_frames)


def write_two(path):
    with FrameFolderWriter(path, name='two') as writer:
        for index in range(2):
            writer.add(f'{index:06d}', np.full((4, 6, 3), index, np.uint8))


def test_a_run_that_fails_leaves_no_folder_that_opens(tmp_path):
    def fail():
        with FrameFolderWriter(tmp_path, name='failing') as writer:
            writer.add('000000', np.zeros((4, 6, 3), np.uint8))
            raise RuntimeError('stop')

    with pytest.raises(RuntimeError):
        fail()
    with pytest.raises(FamdaError, match='no frame folder'):
        FrameFolder(tmp_path)


def test_finished_frames_are_never_overwritten(tmp_path):
    """What teachers said about the old frames would be taken for the new ones."""
    write_two(tmp_path)
    with pytest.raises(FamdaError, match='holds frames already'):
        write_two(tmp_path)
    assert len(FrameFolder(tmp_path)) == 2


def test_a_killed_run_leaves_whole_images_and_no_folder_that_opens(tmp_path):
    script = textwrap.dedent(f"""
        import itertools, numpy as np
        from famda_train.datasets.frame_folder import FrameFolderWriter
        with FrameFolderWriter({str(tmp_path)!r}, name='endless') as writer:
            for index in itertools.count():
                writer.add(f'{{index:06d}}', np.full((40, 60, 3), index % 256, np.uint8))
                print(index, flush=True)
    """)
    with subprocess.Popen([sys.executable, '-c', script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 20:
                process.send_signal(signal.SIGKILL)
                break
        process.wait(10)
    with pytest.raises(FamdaError, match='no frame folder'):
        FrameFolder(tmp_path)
    images = sorted(path for path in (tmp_path / 'images').iterdir() if not path.name.startswith('.'))
    assert len(images) >= 21
    assert all(path.read_bytes().endswith(b'IEND\xaeB`\x82') for path in images)
    write_two(tmp_path)  # the same folder can be written again
    assert len(FrameFolder(tmp_path)) == 2


@pytest.mark.parametrize('damage', [b'', b'\x89PNG\r\n\x1a\n', None], ids=['empty', 'header only', 'missing'])
def test_a_damaged_image_is_one_sentence_with_its_name(tmp_path, damage):
    write_two(tmp_path)
    image = tmp_path / 'images' / '000001.png'
    if damage is None:
        image.unlink()
    else:
        image.write_bytes(damage)
    folder = FrameFolder(tmp_path)
    assert folder.image(0).shape == (4, 6, 3)
    with pytest.raises(FamdaError, match=r'000001\.png.*damaged'):
        folder.image(1)


@pytest.mark.parametrize('content', ['{"stem": 1', '[]', '{"stem": "a", "colour": 3}'])
def test_a_damaged_index_is_one_sentence(tmp_path, content):
    write_two(tmp_path)
    (tmp_path / 'frames.jsonl').write_text(content + '\n')
    with pytest.raises(FamdaError, match=r'frames\.jsonl.*damaged'):
        FrameFolder(tmp_path)


@pytest.mark.parametrize('line', ['{"stem": 1', '[]', '3', '{"stem": "a", "colour": 3}'])
def test_the_damaged_line_of_an_index_is_told_by_its_number(tmp_path, line):
    write_two(tmp_path)
    index = tmp_path / 'frames.jsonl'
    good = index.read_text().splitlines()
    index.write_text('\n'.join([good[0], '', line, good[1]]))  # an empty line counts, as in an editor
    with pytest.raises(FamdaError, match=r'frames\.jsonl., line 3 is damaged') as error:
        FrameFolder(tmp_path)
    assert 'line 1' not in str(error.value)


def test_a_missing_index_is_one_sentence(tmp_path):
    write_two(tmp_path)
    os.unlink(tmp_path / 'frames.jsonl')
    with pytest.raises(FamdaError, match=r'frames\.jsonl.*missing'):
        FrameFolder(tmp_path)


def test_an_unlabelled_folder_says_so(tmp_path):
    write_two(tmp_path)
    folder = FrameFolder(tmp_path)
    assert folder.label_space is None
    assert not folder.has('labels')


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(FamdaError, match='choose another --out'):
        FrameFolderWriter(tmp_path / 'file', name='x')


IMAGE = np.zeros((4, 6, 3), np.uint8)


@pytest.mark.parametrize(
    ('frame', 'sentence'),
    [
        ({'stem': '../up'}, 'no plain file name'), ({'stem': 'first'}, "stem 'first' was added already"),
        ({'image': IMAGE[..., 0]}, r'uint8 \[4, 6\] instead of uint8 \[H, W, 3\]'),
        ({'image': IMAGE.astype(np.uint16)}, r'uint16 \[4, 6, 3\] instead'), ({'image': None}, 'is NoneType instead'),
        ({'focal': 0.6}, 'focal must be null or a number of pixels from 1.2'), ({'focal': '9'}, "not '9'"),
        ({'labels': np.full((4, 6), 7, np.uint8)}, 'hold ids 7 that flat7 does not define'),
        ({'labels': np.zeros((4, 6), np.int64)}, r'int64 \[4, 6\]'),
        ({'labels': np.zeros((6, 4), np.uint8)}, 'are 4x6 pixels but the image is 6x4'),
        ({'depth': np.ones((4, 6), np.uint16)}, r'depth are uint16 \[4, 6\]'),
        ({'instances': np.full((4, 6), 70_000)}, 'must be 0 to 65535'),
        ({'place': object()}, 'further values must be JSON'), ({'place': float('nan')}, 'further values must be JSON'),
    ],
)  # fmt: skip
def test_what_readers_would_refuse_is_not_written(tmp_path, frame, sentence):
    path = tmp_path / 'up' / 'frames'
    with FrameFolderWriter(path, name='any', label_space='flat7') as writer:
        writer.add('first', IMAGE)
        with pytest.raises(FamdaError, match=sentence):
            writer.add(**{'stem': 'second', 'image': IMAGE, **frame})
    assert [frame.stem for frame in FrameFolder(path).frames] == ['first']
    assert [path.name for path in tmp_path.rglob('*.png')] == ['first.png']


def test_labels_need_a_label_space_that_there_is(tmp_path):
    with pytest.raises(FamdaError, match="unknown label space 'flat8'"):
        FrameFolderWriter(tmp_path / 'a', name='any', label_space='flat8')
    with pytest.raises(FamdaError, match='give label_space'), FrameFolderWriter(tmp_path / 'b', name='any') as writer:
        writer.add('a', IMAGE, labels=np.zeros((4, 6), np.uint8))
    write_two(tmp_path / 'c')
    (tmp_path / 'c' / 'labels').mkdir()
    FrameFolder(tmp_path / 'c')  # nothing is labelled yet
    (tmp_path / 'c' / 'labels' / '000001.png').touch()
    with pytest.raises(FamdaError, match=r"has labels/ but no label space; .* 'label_space: flat7'"):
        FrameFolder(tmp_path / 'c')


@pytest.mark.parametrize('text', [
    '', '[]', '3', 'a: [', '!!timestamp x', '!!int', '\0', 'label_space: flat8', 'label_space: [flat7]', 'name: {a: 1}',
    'x: ' + '[' * 5000,
])  # fmt: skip
def test_a_damaged_description_is_one_sentence(tmp_path, text):
    write_two(tmp_path)
    (tmp_path / 'dataset.yaml').write_text(text)
    with pytest.raises(FamdaError, match=r'dataset\.yaml. (is damaged|names an unknown)') as error:
        FrameFolder(tmp_path)
    assert '\n' not in str(error.value)


def test_a_number_is_a_name_too(tmp_path):
    write_two(tmp_path)
    (tmp_path / 'dataset.yaml').write_text('name: 2024\nlicence: 4.0\n')
    assert FrameFolder(tmp_path).info == {'name': '2024', 'licence': '4.0', 'label_space': None}


def test_ground_truth_of_some_frames_is_found_wherever_it_begins(tmp_path):
    with FrameFolderWriter(tmp_path, name='some', label_space='flat7') as writer:
        writer.add('a', IMAGE)
        writer.add('b', IMAGE, labels=np.zeros((4, 6), np.uint8))
    folder = FrameFolder(tmp_path)
    assert folder.has('labels') and not folder.has('depth')
    assert [folder.has_at('labels', index) for index in range(2)] == [False, True]
