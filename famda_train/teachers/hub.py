# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Models in the layout of transformers: in a folder, in the cache of the Hugging Face hub, or on the hub."""
from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from famda_ros.errors import FamdaError
from famda_ros.files import sha256_of

CONFIG, PROCESSOR = 'config.json', 'preprocessor_config.json'
PATTERNS = ('*.json', 'model*.safetensors')
"""What is downloaded; weights in other formats can run code when they are read, and are not taken."""

ANSWER_S = 10
"""How long the hub may take to answer, seconds."""


@dataclass(frozen=True)
class ModelFolder:
    """The files of a model on this machine.

    Attributes:
        path: folder with ``config.json``, ``preprocessor_config.json`` and safetensors.
        model: hub id, or the name of the folder that the user gave.
        revision: commit on the hub; None for a folder.
    """

    path: Path
    model: str
    revision: str | None

    def identity(self) -> dict[str, Any]:
        """Return the entries of a teacher's identity that say which model this is."""
        weights = sorted(self.path.glob('model*.safetensors'))
        settings = [self.path / name for name in (CONFIG, PROCESSOR)]
        entries = {'model': self.model, 'weights_sha256': _sha256(weights), 'config_sha256': _sha256(settings)}
        return {**entries, 'revision': self.revision} if self.revision else entries


def _sha256(files: list[Path]) -> str:
    """Return the SHA-256 of one file, or of several files' SHA-256 in order of their names."""
    if len(files) == 1:
        return sha256_of(files[0])
    return hashlib.sha256(''.join(map(sha256_of, files)).encode()).hexdigest()


def find_model(model: str, revision: str | None = None, short_names: Mapping[str, str] | None = None) -> ModelFolder:
    """Return the folder of a model; it is downloaded only if it is neither a folder nor in the hub's cache.

    Args:
        model: folder, or hub id such as ``depth-anything/Depth-Anything-V2-Small-hf``.
        revision: commit, tag or branch of a hub id; None = what the cache holds as the main branch.
        short_names: other names for hub ids.

    Raises:
        FamdaError: no such model, files are missing, or it is not cached and there is no network.
    """
    names = short_names or {}
    model = names.get(model, model)
    folder = Path(model).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise FamdaError(f"'{model}' is a folder: leave out revision, which is for models on the hub")
        return _checked(ModelFolder(folder, folder.resolve().name, None))
    if len(folder.parts) != 2 or folder.is_absolute() or model[:1] in '.~':
        choices = ['a folder with a model', 'an id on the Hugging Face hub']
        choices += [f'one of {", ".join(names)}'] if names else []
        raise FamdaError(f"there is no folder '{model}'; give {', '.join(choices[:-1])} or {choices[-1]}")
    path = _cached(model, revision) or _download(model, revision)
    return _checked(ModelFolder(path, model, path.name))


def _cached(model: str, revision: str | None) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        path = Path(snapshot_download(model, revision=revision, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    except HFValidationError as error:
        raise FamdaError(f"'{model}' is neither a folder nor an id on the Hugging Face hub") from error
    return None if _missing(path) else path


def _download(model: str, revision: str | None) -> Path:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    # Failures of the connection are of the HTTP library, whose name depends on the version of huggingface_hub.
    transport: Any = HfHubHTTPError.__bases__[0]
    elsewhere = (
        f"download '{model}' where there is a network (hf download {model} --local-dir FOLDER), "
        'and give that folder as the setting model'
    )
    try:
        # Asked first because snapshot_download waits without end for a hub that does not answer.
        commit = HfApi().model_info(model, revision=revision, timeout=ANSWER_S).sha
        return Path(snapshot_download(model, revision=commit, allow_patterns=list(PATTERNS)))
    except RevisionNotFoundError as error:
        raise FamdaError(f"the model '{model}' has no revision '{revision}' on the Hugging Face hub") from error
    except GatedRepoError as error:
        raise FamdaError(
            f"the model '{model}' is given out on request only: accept its terms on the Hugging Face hub "
            'and log in with: hf auth login'
        ) from error
    except RepositoryNotFoundError as error:
        raise FamdaError(f"there is no model '{model}' on the Hugging Face hub, nor a folder of that name") from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, transport) as error:
        raise FamdaError(
            f'the Hugging Face hub cannot be reached and its cache on this machine lacks the model; {elsewhere}'
        ) from error
    except OSError as error:
        raise FamdaError(f"the model '{model}' cannot be written to the hub's cache ({error}); {elsewhere}") from error


def _missing(path: Path) -> str:
    for name in (CONFIG, PROCESSOR, 'model*.safetensors'):
        if not any(path.glob(name)):
            return name
    return ''


def _checked(folder: ModelFolder) -> ModelFolder:
    missing = _missing(folder.path)
    if missing:
        raise FamdaError(
            f"the model '{folder.model}' lacks {missing}; give the folder or id of a model saved by transformers"
        )
    return folder


def load_model(folder: ModelFolder, auto_class: str, what: str) -> tuple[Any, Any]:
    """Return (image processor, network in float32) of a folder, both of transformers.

    Args:
        folder: where the model lies.
        auto_class: name of the class of transformers that loads it.
        what: it is, for messages.

    Raises:
        FamdaError: transformers is missing or does not know the model, or files are damaged or do not fit.
    """
    import torch
    import transformers
    from safetensors import SafetensorError

    transformers.utils.logging.disable_progress_bar()
    fault = f"'{folder.model}' is no {what} that the installed transformers can load"
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(folder.path, local_files_only=True)
        network, report = getattr(transformers, auto_class).from_pretrained(
            folder.path, local_files_only=True, use_safetensors=True, output_loading_info=True, dtype=torch.float32
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise FamdaError(f'{fault} ({" ".join(str(error).split())[:200]}); get it again, or take another') from error
    if report['missing_keys']:
        missing = sorted(report['missing_keys'])
        raise FamdaError(f'{fault}: its weights lack {missing[0]} and {len(missing) - 1} more; get it again')
    return processor, network
