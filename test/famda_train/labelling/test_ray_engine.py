# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Labelling with Ray, started on this machine with two workers."""
import importlib.util
import os
import signal
import tempfile
from pathlib import Path

import labelling_runs
import pytest
from labelling_runs import (
    STORE,
    DeadlyFrames,
    SlowFrames,
    descendants,
    files,
    kill_once_it_has_written,
    label_slowly,
    start,
    wait_until_gone,
)
from training_runs import free_port

from famda_ros.errors import FamdaError
from famda_train.commands import cli
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.labelling.engines import open_engine
from famda_train.labelling.labelling import label_frames
from famda_train.labelling.ray_engine import MOST_PER_BLOCK, RAY_DATA_CORES, RayEngine, block_size
from famda_train.labelling.worker import Job, TeacherSpec, cores

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec('ray') is None, reason="Ray is not installed: pip install 'famda_ros[scale]'"
)
COUNT = 40


@pytest.fixture(scope='module', autouse=True)
def helpers_for_workers():
    """Let Ray's processes import what lies beside the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('PYTHONPATH', str(Path(labelling_runs.__file__).parent))
        yield


@pytest.fixture(scope='module')
def ray(helpers_for_workers):
    """Ray on this machine, for all tests of this file."""
    with open_engine('ray', 2) as engine:
        yield engine


def test_a_killed_driver_takes_ray_along_and_the_next_run_goes_on(frames, whole):
    driver = start(label_slowly, str(frames), 'ray', 2)
    processes = kill_once_it_has_written(driver, frames / STORE, entries=3)
    assert len(processes) > 3
    wait_until_gone(processes)
    result = label_frames(FrameFolder(frames), 'masks', 'felzenszwalb')
    assert result['kept'] >= 3 and result['labelled'] > 0
    assert files(frames / STORE) == whole


def test_a_cluster_that_is_no_more_is_of_no_interest(frames, whole, monkeypatch):
    with tempfile.TemporaryDirectory(prefix='famda', dir='/tmp') as folder:  # paths of sockets have to be short
        monkeypatch.setenv('RAY_TMPDIR', folder)
        monkeypatch.setenv('RAY_ADDRESS', f'127.0.0.1:{free_port()}')
        (Path(folder) / 'ray').mkdir()
        for path in (Path(folder), Path(folder) / 'ray'):
            (path / 'ray_current_cluster').write_text(f'127.0.0.1:{free_port()}')
        driver = start(label_slowly, str(frames), 'ray', None)
        driver.join(120)
    assert driver.exitcode == 0 and files(frames / STORE) == whole


def test_without_a_number_there_is_an_actor_per_core(ray, frames):
    job = Job(TeacherSpec('masks', 'felzenszwalb'), FrameFolder(frames))
    with RayEngine(None, RAY_DATA_CORES).start(job) as run:
        assert run._workers == max(2, cores())


def test_actors_give_the_same_bytes(ray, frames, whole, monkeypatch, capsys):
    monkeypatch.chdir(frames.parent)
    words = ['label', frames.name, '--depth', 'null', '--engine', 'ray', '--workers', '2']
    assert cli.main(words) == cli.EXIT_OK
    assert f'{COUNT} labelled' in capsys.readouterr().out
    assert files(frames / STORE) == whole


def test_a_killed_actor_costs_nothing(ray, frames, whole):
    killed = []

    def kill_one(outcomes, total):
        for number, outcome in enumerate(outcomes):
            if number == 3:
                killed.append(actors()[0])
                os.kill(killed[0], signal.SIGKILL)
            yield outcome

    result = label_frames(SlowFrames(frames), 'masks', 'felzenszwalb', kill_one, engine=ray)
    assert killed and result['labelled'] == COUNT and not result['failed']
    assert files(frames / STORE) == whole


def test_a_frame_that_kills_its_actors_is_named_and_left_out(ray, frames, whole):
    result = label_frames(DeadlyFrames(frames), 'masks', 'felzenszwalb', engine=ray)
    (failed,) = result['failed']
    assert failed['stem'] == '000002' and 'killed 3 times' in failed['reason']
    assert result['labelled'] == COUNT - 1
    assert label_frames(FrameFolder(frames), 'masks', 'felzenszwalb', engine=ray)['labelled'] == 1
    assert files(frames / STORE) == whole


def test_ray_started_here_listens_to_this_machine_alone(ray):
    inodes = {inode for pid in [os.getpid(), *descendants(os.getpid())] for inode in sockets(pid)}
    addresses = [address for inode, address in listening().items() if inode in inodes]
    assert len(addresses) > 3  # of Ray's servers
    for address in addresses:
        # 127.0.0.1, ::1 and ::ffff:127.0.0.1 as the kernel writes them
        assert address in ('0100007F', '0' * 24 + '01000000', '0' * 16 + 'FFFF00000100007F')


@pytest.mark.parametrize('role', ['masks', 'depth'])
def test_unknown_teacher(ray, frames, role):
    with pytest.raises(FamdaError, match=r"teacher 'sam9'; choose one of"):
        label_frames(FrameFolder(frames), role, 'sam9', engine=ray)


def test_frames_that_the_machines_do_not_see(ray, frames, tmp_path):
    folder = FrameFolder(frames)
    folder.path = tmp_path / 'elsewhere'
    with pytest.raises(FamdaError, match=r"'.*elsewhere/images' is not there on the machine .*all machines see"):
        label_frames(folder, 'masks', 'felzenszwalb', engine=RayEngine(1))


@pytest.mark.parametrize(
    'address, message',
    [
        (f'127.0.0.1:{free_port()}', 'there is no Ray cluster at .*ray start --head'),
        ('somewhere', 'HOST:PORT'),
        ('127.0.0.1:99999', 'no Ray cluster'),
    ],
    ids=('free', 'no port', 'impossible port'),
)
def test_addresses_of_no_cluster(address, message):
    with pytest.raises(FamdaError, match=message), open_engine('ray', 2, address):
        pass


def test_blocks_are_small_enough_for_all_to_have_work():
    assert block_size(10, 4) == 1
    assert block_size(64, 2) == 4
    assert block_size(100_000, 8) == MOST_PER_BLOCK


def actors() -> list[int]:
    """Return the processes of this program's Ray that label."""
    names = {pid: Path(f'/proc/{pid}/cmdline') for pid in descendants(os.getpid())}
    return [pid for pid, name in names.items() if b'LabelBlock' in name.read_bytes()]


def sockets(pid: int) -> set[str]:
    """Return the inodes of the sockets that a process has open."""
    found = set()
    for descriptor in Path(f'/proc/{pid}/fd').glob('*'):
        try:
            found.add(os.readlink(descriptor).removeprefix('socket:[').removesuffix(']'))
        except OSError:  # closed in the meantime
            continue
    return found


def listening() -> dict[str, str]:
    """Return {inode: address} of the TCP sockets of this machine that listen."""
    lines = [line.split() for file in ('tcp', 'tcp6') for line in Path('/proc/net', file).read_text().splitlines()[1:]]
    return {line[9]: line[1].partition(':')[0] for line in lines if line[3] == '0A'}
