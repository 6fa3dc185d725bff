# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What a student file says about itself, and the check that it is a student file.

The card travels as JSON in the ONNX metadata under :data:`METADATA_KEY`.  Only this
file knows its layout; the exporter writes ``card.to_json()``.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import onnxruntime

from famda_ros.errors import FamdaError
from famda_ros.messages.camera_info import LEAST_FOCAL_WIDTHS, MOST_FOCAL_WIDTHS
from famda_ros.messages.frame_index import load_json
from famda_ros.student.drift_reference import DriftReference
from famda_ros.student.external_data import has_external_data
from famda_ros.student.label_space import IGNORE, LABEL_SPACES, LabelSpace
from famda_ros.student.parity import Limits
from famda_ros.student.providers import session_options

METADATA_KEY = 'famda'
SCHEMA_VERSION = 1
PRECISIONS = ('fp32', 'fp16', 'int8')
WEIGHTS = ('fp32', 'fp16')
FARTHEST_M = 10_000.0
"""Nobody trains for more; millimetres written as metres are more."""

INPUT = ('image', 'tensor(uint8)')
OUTPUTS = {'labels': 'tensor(uint8)', 'confidence': 'tensor(uint8)', 'depth': 'tensor(float)'}


@dataclass(frozen=True)
class ModelCard:
    """Everything the robot must know about a student.

    Attributes:
        name: what a person calls this model.
        label_space: name, classes and colours of the train ids in ``labels``.
        network_width, network_height: size in pixels that the student was trained for, and that it sees small images
            of this shape at.
        focal: focal length in network pixels that the metres of ``depth`` are for; None = they are not for any one
            focal length, and stay as they are for every camera; also where there is no depth.
        depth_range_m: (nearest, farthest) metres the network was trained for; at or
            beyond the farthest the depth is +inf; None = the student gives no depth.
        domain: light or place it was trained for: 'day', 'night', ...
        precision: 'fp32', 'fp16' or 'int8'.
        weights: how a file of precision 'fp32' stores its weights: 'fp32' or 'fp16'; other precisions have 'fp32' here
            and store their own.
        provenance: data, teachers, seed, package version.
        metrics: measured numbers, each with its protocol.
        licence: licence of the weights.
        weights_sha256: hexadecimal digest of the weights it was exported from.
        limits: how far the outputs of a provider may be from those of the CPU.
        temperature: that logits were divided by before the softmax of the confidence; 1 = not calibrated.
        ece: expected calibration error of the confidence in points, on frames that were not trained on:
            ``home`` and ``shifted`` (mean over several sets) → ``before`` (at temperature 1) and ``after``; and
            ``data``, what it was measured on. Empty = not measured.
        stride: network heights and widths are multiples of it; 0 = the file has the one fixed shape.
        pixels: pixels in all that the network sees of an image, about, where the image has so many; 0 = those of the
            training size.
        reference: what frames of the domain look like, for the drift monitor; None = not measured.
        outputs: which of :data:`OUTPUTS` the student gives; ``labels`` always.
        schema_version: layout of this card.
    """

    name: str
    label_space: LabelSpace
    network_width: int
    network_height: int
    focal: float | None
    depth_range_m: tuple[float, float] | None
    domain: str
    precision: str = 'fp32'
    weights: str = 'fp32'
    provenance: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    licence: str = ''
    weights_sha256: str = ''
    limits: Limits = field(default_factory=Limits)
    temperature: float = 1.0
    ece: dict[str, Any] = field(default_factory=dict)
    stride: int = 0
    pixels: int = 0
    reference: DriftReference | None = None
    outputs: tuple[str, ...] = tuple(OUTPUTS)
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        if not self.pixels and _is_size(self.network_width) and _is_size(self.network_height):
            object.__setattr__(self, 'pixels', self.network_width * self.network_height)

    def gives(self, output: str) -> bool:
        """Tell whether the student gives ``labels``, ``confidence`` or ``depth``."""
        return output in self.outputs

    def validate(self) -> ModelCard:
        """Return self if every value makes sense.

        Raises:
            FamdaError: the first value that does not.
        """
        checks = (
            (isinstance(self.name, str) and self.name.strip(), 'name must be a non-empty text'),
            (isinstance(self.label_space.name, str) and self.label_space.name, 'the label space has no name'),
            (len(self.label_space) > 0, 'the label space has no classes'),
            (_is_size(self.network_width) and _is_size(self.network_height), 'network size must be positive pixels'),
            (self.stride == 0 or _is_size(self.stride), 'stride must be pixels, or 0 for one fixed shape'),
            (
                not self.stride or not (self.network_width % self.stride or self.network_height % self.stride),
                'the training size must be a multiple of the stride',
            ),
            (_is_size(self.pixels), 'pixels must be a positive number'),
            (_are_outputs(self.outputs), f'outputs must be labels and some of {", ".join(OUTPUTS)}'),
            (self.focal is None or (_is_number(self.focal) and self.focal > 0), 'focal must be positive pixels'),
            (
                self.focal is None or _is_lens(self.focal, self.network_width),
                f'a focal of {self.focal} pixels is not of a lens before a network {self.network_width} pixels wide',
            ),
            (self.gives('depth') or self.focal is None, 'focal is for depth, which the student does not give'),
            (self.gives('depth') == (self.depth_range_m is not None), 'depth_range_m and depth belong together'),
            (
                self.depth_range_m is None or _is_range(*self.depth_range_m),
                f'depth_range_m must be 0 <= near < far <= {FARTHEST_M:g} metres',
            ),
            (isinstance(self.domain, str) and self.domain, "domain must be a text such as 'night'"),
            (self.precision in PRECISIONS, f'precision must be one of {", ".join(PRECISIONS)}'),
            (self.weights in WEIGHTS, f'weights must be one of {", ".join(WEIGHTS)}'),
            (self.weights == 'fp32' or self.precision == 'fp32', f'weights {self.weights} need the precision fp32'),
            (isinstance(self.provenance, dict) and isinstance(self.metrics, dict), 'provenance, metrics: mappings'),
            (_is_number(self.temperature) and self.temperature > 0, 'temperature must be a positive number'),
            (isinstance(self.ece, dict), 'ece must be a mapping'),
            (all(_is_number(v) and 0 <= v <= 1 for v in asdict(self.limits).values()), 'limits must be 0 to 1'),
            (
                self.weights_sha256 == '' or _is_sha256(self.weights_sha256),
                'weights_sha256 must be 64 hexadecimal digits',
            ),
        )
        for good, sentence in checks:
            if not good:
                raise FamdaError(f'the model card is not valid: {sentence}; export the model again')
        return self

    def to_json(self) -> str:
        """Return the card as JSON text for the ONNX metadata; validates it first."""
        self.validate()
        values = asdict(replace(self, reference=None))
        if self.reference is not None:
            values['reference'] = self.reference.to_dict()
        return json.dumps(values, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read and validate a card; unknown extra keys are ignored.

        Raises:
            FamdaError: no JSON, another schema version, a key is missing or wrong.
        """
        try:
            values = load_json(text)
            version = values['schema_version']
        except (ValueError, KeyError, TypeError) as error:
            raise FamdaError(f'the model card is damaged ({error}); export the model again') from error
        if version != SCHEMA_VERSION:
            raise FamdaError(
                f'the model card has schema version {version}, this famda_ros reads version {SCHEMA_VERSION}; '
                'export the model again, or install the famda_ros it was exported with'
            )
        try:
            values['label_space'] = _label_space(values['label_space'])
            values['outputs'] = tuple(values.get('outputs', OUTPUTS))
            if values['depth_range_m'] is not None:
                near, far = values['depth_range_m']
                values['depth_range_m'] = (float(near), float(far))
            values['limits'] = Limits(**values.get('limits', {}))
            if values.get('reference') is not None:
                values['reference'] = DriftReference.from_dict(values['reference'])
            known = {f.name for f in fields(cls)}
            return cls(**{k: v for k, v in values.items() if k in known}).validate()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FamdaError(f'the model card is not valid ({error}); export the model again') from error

    def labels_json(self) -> str:
        """Return the text of the latched topic ``segmentation/labels``: ids, names, colours."""
        space = self.label_space
        classes = [
            {'id': i, 'name': name, 'color': list(color)}
            for i, (name, color) in enumerate(zip(space.classes, space.colors, strict=True))
        ]
        return json.dumps({'label_space': space.name, 'ignore': IGNORE, 'classes': classes, 'model': self.name})


def _label_space(values: dict[str, Any]) -> LabelSpace:
    """Return the label space of a card; a built-in one with its flags and projections."""
    # A card has lists where YAML files have a mapping (LabelSpace.to_dict).  The place of a class is its train id, and
    # objects of JSON have no order (RFC 8259); files of schema version 1, which robots hold, have these keys.
    if isinstance(values['classes'], str):
        raise ValueError('the classes of the label space must be a list of names')
    colors = tuple((_color(red), _color(green), _color(blue)) for red, green, blue in values['colors'])
    space = LabelSpace(
        values['name'],
        tuple(values['classes']),
        colors,
        values.get('sky', ''),
        tuple(values.get('things', ())),
        {own: tuple(others) for own, others in values.get('thin_in', {}).items()},
        {other: dict(table) for other, table in values.get('projections', {}).items()},
        tuple(values.get('ground', ())),
    )
    known = LABEL_SPACES.get(space.name)
    return known if known is not None and (known.classes, known.colors) == (space.classes, colors) else space


def _color(value: Any) -> int:
    if int(value) != value or not 0 <= value <= 255:
        raise ValueError(f'colour value {value} is not 0..255')
    return int(value)


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_lens(focal: Any, width: Any) -> bool:
    return _is_size(width) and _is_number(focal) and LEAST_FOCAL_WIDTHS <= focal / width <= MOST_FOCAL_WIDTHS


def _is_range(near: Any, far: Any) -> bool:
    return _is_number(near) and _is_number(far) and 0 <= near < far <= FARTHEST_M


def _are_outputs(names: Any) -> bool:
    """Tell whether these are labels and others of :data:`OUTPUTS`, in their order."""
    return 'labels' in names and tuple(names) == tuple(name for name in OUTPUTS if name in names)


def _is_sha256(text: Any) -> bool:
    return isinstance(text, str) and len(text) == 64 and all(c in '0123456789abcdefABCDEF' for c in text)


def read_model(path: str | Path) -> bytes:
    """Return the content of a model file.

    Raises:
        FamdaError: missing, or its weights are in another file.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise FamdaError(f"cannot read the model '{path}' ({error.strerror}); check the path") from error
    if has_external_data(data):
        raise FamdaError(f"the model '{path}' keeps its weights in another file; export it as a single .onnx file")
    return data


def open_on_cpu(
    path: str | Path, data: bytes, options: onnxruntime.SessionOptions
) -> onnxruntime.InferenceSession:
    """Return a session of a model on the CPU.

    Args:
        path: of the file, for messages.
        data: its content.
        options: of the session.

    Raises:
        FamdaError: no ONNX, or such as this ONNX Runtime cannot load.
    """
    try:
        return onnxruntime.InferenceSession(data, options, providers=['CPUExecutionProvider'])
    except Exception as error:  # ONNX Runtime raises types of its own that it does not export
        raise FamdaError(
            f"'{path}' is no ONNX model that this onnxruntime {onnxruntime.__version__} can load "
            f'({first_line(error)}); export it again'
        ) from error


def check_model(path: str | Path, data: bytes) -> tuple[ModelCard, dict[str, str]]:
    """Check everything of a student that can be checked without running it; return its card and all metadata.

    Args:
        path: of the file, for messages.
        data: its content, see :func:`read_model`.

    Raises:
        FamdaError: no ONNX, no valid card, or inputs and outputs that are not those of a student.
    """
    options = session_options(threads=1)
    # To optimise it takes most of the time that loading takes, and this session infers nothing.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = open_on_cpu(path, data, options)
    metadata = session.get_modelmeta().custom_metadata_map
    text = metadata.get(METADATA_KEY)
    if text is None:
        raise FamdaError(f"the model '{path}' has no FAMDA model card; make it with 'famda export'")
    try:
        card = ModelCard.from_json(text)
    except FamdaError as error:
        raise FamdaError(f"'{path}': {error}") from error
    fault = contract_fault(session, card)
    if fault:
        raise FamdaError(f"the model '{path}' is no FAMDA student: {fault}; make it with 'famda export'")
    return card, metadata


def read_card(path: str | Path) -> ModelCard:
    """Return the model card of a student file.

    Raises:
        FamdaError: as :func:`read_model` and :func:`check_model`.
    """
    return check_model(path, read_model(path))[0]


def contract_fault(session: Any, card: ModelCard) -> str:
    """Return what is wrong with a session's inputs and outputs, '' when nothing is.

    The contract: input ``image`` uint8 [1, H, W, 3]; outputs ``labels`` uint8 and, where the card names them,
    ``confidence`` uint8 and ``depth`` float32, each [1, H, W]; H and W are dynamic where the card has a
    stride, else the card's network size or dynamic.
    """
    size = (card.network_height, card.network_width)
    inputs = session.get_inputs()
    if [(i.name, i.type) for i in inputs] != [INPUT]:
        return f"its inputs are {_listed(inputs)} instead of 'image' tensor(uint8)"
    fault = _shape_fault(inputs[0], (1, *size, 3))
    if fault:
        return fault
    if card.stride and any(isinstance(side, int) for side in inputs[0].shape[1:3]):
        return f"its card has a stride, but 'image' has the fixed shape {list(inputs[0].shape)}"
    outputs = {o.name: o for o in session.get_outputs()}
    wanted = {name: OUTPUTS[name] for name in card.outputs}
    if {name: o.type for name, o in outputs.items()} != wanted:
        kinds = ', '.join(kind.removeprefix('tensor(').rstrip(')') for kind in wanted.values())
        return f'its outputs are {_listed(outputs.values())} instead of {", ".join(wanted)} ({kinds})'
    return next(filter(None, (_shape_fault(o, (1, *size)) for o in outputs.values())), '')


def _shape_fault(value: Any, expected: tuple[int, ...]) -> str:
    shape = value.shape
    # Only height and width (axes 1 and 2) may be dynamic; ONNX Runtime gives those as a name or None.
    good = len(shape) == len(expected) and all(
        have == want or (axis in (1, 2) and not isinstance(have, int))
        for axis, (have, want) in enumerate(zip(shape, expected, strict=False))
    )
    return '' if good else f"'{value.name}' has the shape {list(shape)} instead of {list(expected)}"


def _listed(values: Any) -> str:
    return ', '.join(f"'{v.name}' {v.type}" for v in values) or 'none'


def first_line(error: Exception) -> str:
    """Return what an error says first."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
