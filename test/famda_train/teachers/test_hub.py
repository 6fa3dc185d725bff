# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Models in folders, in the hub's cache, and on a hub that cannot be reached; nothing here needs a network."""
import os
import socket
import subprocess
import sys

import pytest

from famda_ros.errors import FamdaError
from famda_train.teachers.hub import find_model

ASK = """
from famda_ros.errors import FamdaError
from famda_train.teachers.hub import find_model
import huggingface_hub
try:
    find_model('someone/depth')
except FamdaError as error:
    print(error)
"""


def ask_without_network(tmp_path, **environment):
    """Ask for a model that is not cached; return the sentence, which comes although nobody ends the process."""
    values = {**os.environ, 'HF_HOME': str(tmp_path), 'OMP_NUM_THREADS': '1', **environment}
    answer = subprocess.run([sys.executable, '-c', ASK], env=values, capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr
    (sentence,) = answer.stdout.splitlines()
    return sentence


def is_about_the_network(sentence):
    return sentence == (
        'the Hugging Face hub cannot be reached and its cache on this machine lacks the model; download '
        "'someone/depth' where there is a network (hf download someone/depth --local-dir FOLDER), "
        'and give that folder as the setting model'
    )


def test_offline_mode_is_told_at_once(tmp_path):
    sentence = ask_without_network(tmp_path, HF_HUB_OFFLINE='1')
    assert is_about_the_network(sentence)


def test_a_hub_that_refuses_is_told_soon(tmp_path):
    sentence = ask_without_network(tmp_path, HF_ENDPOINT='http://127.0.0.1:9', HF_HUB_OFFLINE='0')
    assert is_about_the_network(sentence)


@pytest.mark.slow
def test_a_hub_that_never_answers_is_not_waited_for_long(tmp_path):
    with socket.create_server(('127.0.0.1', 0)) as silent:
        endpoint = f'http://127.0.0.1:{silent.getsockname()[1]}'
        sentence = ask_without_network(tmp_path, HF_ENDPOINT=endpoint, HF_HUB_OFFLINE='0')
    assert is_about_the_network(sentence)


def write_model(path, *names):
    """Write the files that are looked for, whatever stands in them."""
    path.mkdir(parents=True)
    for name in names or ('config.json', 'preprocessor_config.json', 'model.safetensors'):
        (path / name).write_text(name)
    return path


def test_a_folder_is_known_by_its_name_and_files(tmp_path, monkeypatch):
    found = find_model(str(write_model(tmp_path / 'mine')))
    assert (found.model, found.revision) == ('mine', None)
    identity = found.identity()
    assert set(identity) == {'model', 'weights_sha256', 'config_sha256'}
    monkeypatch.chdir(tmp_path)
    assert find_model('mine').identity() == identity
    (tmp_path / 'mine' / 'model.safetensors').write_text('others')
    assert find_model('mine').identity()['weights_sha256'] != identity['weights_sha256']


def test_weights_in_several_files_have_one_hash(tmp_path):
    parts = [f'model-0000{part}-of-00002.safetensors' for part in (1, 2)]
    path = write_model(tmp_path / 'large', 'config.json', 'preprocessor_config.json', *parts)
    before = find_model(str(path)).identity()['weights_sha256']
    (path / parts[1]).write_text('changed')
    assert len(before) == 64 and find_model(str(path)).identity()['weights_sha256'] != before


def cached(cache, commit, *names):
    """Lay a model out as huggingface_hub does."""
    repository = cache / 'models--someone--depth'
    write_model(repository / 'snapshots' / commit, *names)
    (repository / 'refs').mkdir(exist_ok=True)
    (repository / 'refs' / 'main').write_text(commit)


def test_the_cache_is_asked_before_the_hub(tmp_path, monkeypatch):
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_CACHE', str(tmp_path))
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', True)
    old, new = 'a' * 40, 'b' * 40
    cached(tmp_path, old)
    cached(tmp_path, new)
    assert find_model('depth', None, {'depth': 'someone/depth'}).revision == new
    assert find_model('someone/depth', old).path.name == old


def test_a_part_of_a_model_in_the_cache_does_not_count(tmp_path, monkeypatch):
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_CACHE', str(tmp_path))
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', True)
    cached(tmp_path, 'c' * 40, 'config.json')
    with pytest.raises(FamdaError, match=r'lacks (the model|preprocessor_config\.json)'):
        find_model('someone/depth')


@pytest.mark.parametrize(
    ('model', 'sentence'),
    [
        ('nowhere', "there is no folder 'nowhere'; give a folder with a model, an id .* or one of small, large"),
        ('./nowhere/model', "there is no folder './nowhere/model'"),
        ('/nowhere', "there is no folder '/nowhere'"),
        ('a/b/c', "there is no folder 'a/b/c'"),
        ('some one/depth?', "'some one/depth\\?' is neither a folder nor an id"),
    ],
)
def test_what_is_no_model_gets_one_sentence(model, sentence):
    with pytest.raises(FamdaError, match=sentence):
        find_model(model, None, {'small': 'someone/small', 'large': 'someone/large'})


@pytest.mark.parametrize('missing', ['config.json', 'preprocessor_config.json', 'model.safetensors'])
def test_a_folder_without_a_file_is_refused(tmp_path, missing):
    path = write_model(tmp_path / 'mine')
    (path / missing).unlink()
    with pytest.raises(FamdaError, match=f"the model 'mine' lacks {missing.split('.')[0]}"):
        find_model(str(path))
