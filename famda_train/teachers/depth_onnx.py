# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Any monocular depth model in ONNX, described by a small YAML file; docs/teachers.md has a complete example."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import onnx
import onnxruntime
import torch
import yaml

from famda_ros.errors import FamdaError
from famda_ros.files import sha256_of
from famda_ros.strict_yaml import parse_yaml
from famda_ros.student.depth_units import rescale_to_focal
from famda_ros.student.providers import session_options
from famda_train.label_store.licences import UNKNOWN, licence
from famda_train.teachers.agreement import Views, read_views
from famda_train.teachers.teacher_settings import checked_values, parser_of
from famda_train.teachers.weights import Weights

INTERPOLATIONS = {'bilinear': cv2.INTER_LINEAR, 'bicubic': cv2.INTER_CUBIC, 'area': cv2.INTER_AREA}

TYPES = {'tensor(float)': np.float32, 'tensor(float16)': np.float16, 'tensor(uint8)': np.uint8}
"""Inputs that can be fed; uint8 gets the pixels as they are."""


@dataclass(frozen=True)
class OnnxInput:
    """How an image becomes the input of the model.

    The size is ``width`` x ``height``, or follows the image: its shorter side becomes
    ``short_side`` pixels (left out: stays), then both are rounded to ``multiple_of``.

    Attributes:
        name: name of the model's input; null = the only one.
        layout: NCHW or NHWC, with a batch of one.
        colors: RGB or BGR.
        width, height: fixed size in pixels.
        short_side: shorter side in pixels.
        multiple_of: number of pixels that both sides are a multiple of.
        resize: bilinear, bicubic or area.
        divide_by: what pixels (0..255) are divided by before mean and std.
        mean, std: per channel, in the order of ``colors``: (pixel / divide_by - mean) / std.
    """

    name: str | None = None
    layout: Literal['NCHW', 'NHWC'] = 'NCHW'
    colors: Literal['RGB', 'BGR'] = 'RGB'
    width: int | None = None
    height: int | None = None
    short_side: int | None = None
    multiple_of: int = 1
    resize: Literal['bilinear', 'bicubic', 'area'] = 'bilinear'
    divide_by: float = 255.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class OnnxOutput:
    """What the output of the model means.

    Attributes:
        name: name of the model's output, [H, W] with any number of axes of length one; null = the only one.
        scale: factor on the output: metres per unit for depth.
        inverse: the model gives one over what ``kind`` says (of the scaled output).
    """

    name: str | None = None
    scale: float = 1.0
    inverse: bool = False


@dataclass(frozen=True)
class Licence:
    """Licence of the weights.

    Attributes:
        weights: SPDX identifier or name.
        non_commercial: it forbids commercial use.
    """

    weights: str = UNKNOWN
    non_commercial: bool = False


@dataclass(frozen=True)
class Description:
    """A depth model in ONNX.

    Attributes:
        file: the model; a relative path is seen from the description.
        kind: ``depth`` (metres) or ``disparity`` (near = large, unknown scale and shift).
        name: name of the label store.
        focal: fx in pixels, at the size of the model's input, of the camera that its metres are for;
            null = metres are not brought to the frame's camera.
        input, output, licence: see their classes.
    """

    file: str
    kind: Literal['depth', 'disparity']
    name: str = 'depth-onnx'
    focal: float | None = None
    input: OnnxInput = field(default_factory=OnnxInput)
    output: OnnxOutput = field(default_factory=OnnxOutput)
    licence: Licence = field(default_factory=Licence)


SECTIONS: dict[str, type] = {'input': OnnxInput, 'output': OnnxOutput, 'licence': Licence}


class OnnxDepth:
    """A depth model in ONNX, run by ONNX Runtime.

    Args:
        description: YAML file that describes the model.
        reliability: none, mirror, scale or both: readings that say how far the model agrees with itself.
        device: auto (the GPU, where ONNX Runtime has one), cpu or cuda.
    """

    def __init__(
        self, description: str, reliability: Views = 'none', device: Literal['auto', 'cpu', 'cuda'] = 'auto'
    ):
        self._spec = spec = read_description(Path(description))
        if reliability in ('scale', 'both') and spec.input.width is not None:
            raise FamdaError(
                f"the input of '{description}' has one size; of the readings for reliability it has mirror only"
            )
        file = Path(description).parent / spec.file
        self._session = open_session(file, device)
        self._input = _named(self._session.get_inputs(), spec.input.name, 'input', file)
        self._output = _named(self._session.get_outputs(), spec.output.name, 'output', file)
        if self._input.type not in TYPES:
            raise FamdaError(f"the input of '{file}' is {self._input.type}; only {', '.join(TYPES)} can be fed")
        self._file, self._views = file, reliability
        settings = {key: value for key, value in asdict(spec).items() if key not in ('name', 'file', 'kind', 'licence')}
        self.identity: dict[str, Any] = {
            'name': spec.name,
            'kind': spec.kind,
            'settings': {**settings, 'reliability': reliability},
            'model': file.name,
            'weights_sha256': sha256_of(file),
            'licence': licence(spec.licence.weights, spec.licence.non_commercial),
        }

    def __call__(self, image: np.ndarray, focal: float | None = None) -> np.ndarray:
        """Return float32 [H, W] metres (NaN = unknown) or disparity of uint8 [H, W, 3]."""
        return self._read([image], focal)[0]

    def with_reliability(self, image: np.ndarray, focal: float | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """Return (values as by a call, reliability); see famda_train.teachers.depth_teachers.read_depth."""
        return read_views(self._read, image, focal, self._spec.kind, self._views)

    @staticmethod
    def weights() -> list[Weights]:
        """Return the user's own."""
        return [Weights('own model', 'as its author says', available=None, advice='setting description')]

    def _read(self, images: list[np.ndarray], focal: float | None, scale: float = 1.0) -> list[np.ndarray]:
        return [self._read_one(image, focal, scale) for image in images]

    def _read_one(self, image: np.ndarray, focal: float | None, scale: float) -> np.ndarray:
        size = input_size(self._spec.input, image.shape[1], image.shape[0], scale)
        array = to_input(image, self._spec.input, size, TYPES[self._input.type])
        try:
            (raw,) = self._session.run([self._output.name], {self._input.name: array})
        except Exception as error:  # ONNX Runtime raises types of its own that it does not export
            raise FamdaError(
                f"'{self._file}' does not take an input of {list(array.shape)} ({_first_line(error)}); "
                'correct input in its description'
            ) from error
        values = to_values(raw, self._spec, self._file)
        values = cv2.resize(values, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
        if focal and self._spec.focal:
            values = rescale_to_focal(values, self._spec.focal, focal * size[0] / image.shape[1])
        return values.astype(np.float32)


def read_description(path: Path) -> Description:
    """Return the description of a model.

    Raises:
        FamdaError: no such file, no YAML mapping, an unknown, missing or wrong entry.
    """
    try:
        content = parse_yaml(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise FamdaError(f"cannot read the description '{path}' ({error.strerror}); check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FamdaError(f"the description '{path}' is not YAML; see docs/teachers.md for an example") from error
    if not isinstance(content, dict):
        raise FamdaError(f"the description '{path}' has no entries; see docs/teachers.md for an example")
    parts = {key: _section(kind, content.get(key) or {}, f'{key} of', path) for key, kind in SECTIONS.items()}
    rest = {key: value for key, value in content.items() if key not in SECTIONS}
    description = _section(Description, rest, '', path, parts)
    _check(description, path)
    return description


def _section(kind: type, values: Any, what: str, path: Path, parts: Mapping[str, Any] | None = None) -> Any:
    """Return a dataclass from a mapping of a description; ``parts`` are attributes that exist already."""
    where = f"{what} '{path}'".strip()
    if not isinstance(values, dict):
        raise FamdaError(f'{where} must have entries of its own; see docs/teachers.md for an example')
    return kind(**checked_values(parser_of(kind, parts or ()), values, 'entry', where), **(parts or {}))


def _check(description: Description, path: Path) -> None:
    """Raise FamdaError for values that make no sense together."""
    given, out = description.input, description.output
    fixed = (given.width, given.height)
    checks = (
        (None not in fixed or fixed == (None, None), 'input needs both width and height, or neither'),
        (fixed == (None, None) or given.short_side is None, 'input has a fixed size and a short_side; take one'),
        (all(v is None or v > 0 for v in (*fixed, given.short_side)), 'sizes of the input must be pixels above 0'),
        (given.multiple_of > 0, 'input.multiple_of must be 1 or more'),
        (given.divide_by > 0 and min(given.std) > 0, 'input.divide_by and input.std must be above 0'),
        (out.scale > 0, 'output.scale must be above 0; for a model whose far is large take inverse'),
        (description.focal is None or description.focal > 0, 'focal must be pixels above 0'),
        (description.focal is None or description.kind == 'depth', 'focal is for metres, the kind is disparity'),
    )
    for good, sentence in checks:
        if not good:
            raise FamdaError(f"the description '{path}' is wrong: {sentence}")


def open_session(file: Path, device: str = 'auto') -> onnxruntime.InferenceSession:
    """Return a session of an ONNX file with as many threads as torch uses, which workers limit.

    Raises:
        FamdaError: no such file, no ONNX, its weights are in another file, or no GPU.
    """
    if not file.is_file():
        raise FamdaError(f"there is no model '{file}'; correct file in its description")
    has_gpu = 'CUDAExecutionProvider' in onnxruntime.get_available_providers()
    if device == 'cuda' and not has_gpu:
        raise FamdaError('this onnxruntime has no CUDA; install onnxruntime-gpu, or take device cpu')
    providers = ['CUDAExecutionProvider'] if has_gpu and device != 'cpu' else []
    options = session_options(torch.get_num_threads())
    try:
        graph = onnx.load(str(file), load_external_data=False).graph
        # The hash of the file would not tell such models apart.
        outside = any(onnx.external_data_helper.uses_external_data(tensor) for tensor in graph.initializer)
        session = None if outside else onnxruntime.InferenceSession(
            str(file), options, providers=[*providers, 'CPUExecutionProvider']
        )  # fmt: skip
    except Exception as error:  # ONNX Runtime and protobuf raise types of their own that they do not export
        raise FamdaError(
            f"'{file}' is no ONNX model that this onnxruntime {onnxruntime.__version__} can load ({_first_line(error)})"
        ) from error
    if session is None:
        raise FamdaError(f"'{file}' keeps its weights in another file; save it as a single .onnx file")
    return session


def _named(values: list[Any], name: str | None, what: str, file: Path) -> Any:
    names = [value.name for value in values]
    if name is None and len(names) > 1:
        raise FamdaError(f"'{file}' has several {what}s; name one as {what}.name: {', '.join(names)}")
    if name is not None and name not in names:
        raise FamdaError(f"'{file}' has no {what} '{name}'; it has {', '.join(names)}")
    return values[names.index(name) if name is not None else 0]


def input_size(spec: OnnxInput, width: int, height: int, scale: float = 1.0) -> tuple[int, int]:
    """Return (width, height) in pixels of the model's input for an image.

    Args:
        spec: how the model's input is made.
        width, height: size of the image in pixels.
        scale: factor on the size; a fixed size stays.
    """
    if spec.width is not None and spec.height is not None:
        return spec.width, spec.height
    factor = scale * (spec.short_side / min(width, height) if spec.short_side else 1.0)
    step = spec.multiple_of
    return max(step, round(width * factor / step) * step), max(step, round(height * factor / step) * step)


def to_input(image: np.ndarray, spec: OnnxInput, size: tuple[int, int], dtype: Any = np.float32) -> np.ndarray:
    """Return uint8 [H, W, 3] RGB as the model's input, a batch of one.

    Args:
        image: uint8 [H, W, 3] RGB.
        spec: layout, colours and normalisation.
        size: (width, height) in pixels.
        dtype: float32 or float16: normalised; uint8: pixels as they are.
    """
    if (image.shape[1], image.shape[0]) != size:
        image = cv2.resize(image, size, interpolation=INTERPOLATIONS[spec.resize])
    if spec.colors == 'BGR':
        image = image[..., ::-1]
    if dtype != np.uint8:
        scaled = image.astype(np.float32) / np.float32(spec.divide_by)
        image = ((scaled - np.array(spec.mean, np.float32)) / np.array(spec.std, np.float32)).astype(dtype)
    array = image.transpose(2, 0, 1) if spec.layout == 'NCHW' else image
    return np.ascontiguousarray(array[None])


def to_values(raw: np.ndarray, spec: Description, file: Path) -> np.ndarray:
    """Return the output of a model as float32 [H, W] metres (NaN = unknown) or disparity.

    Raises:
        FamdaError: it is no image.
    """
    values = np.squeeze(np.asarray(raw, np.float32))
    if values.ndim != 2:
        raise FamdaError(
            f"the output of '{file}' has the shape {list(raw.shape)}, which is no depth image; "
            'correct output.name in its description'
        )
    values = values * np.float32(spec.output.scale)
    if not (spec.output.inverse or spec.kind == 'depth'):
        return values
    with np.errstate(divide='ignore', invalid='ignore'):
        known = np.where(values > 0, values, np.float32(np.nan))
        return 1 / known if spec.output.inverse else known


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
