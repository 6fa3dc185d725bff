# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Students of either kind of file, with the logits that a student file keeps to itself."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

from famda_ros.errors import FamdaError
from famda_ros.student.model_card import ModelCard, read_card
from famda_ros.student.providers import PROVIDERS, session_options
from famda_ros.student.runtime import OUTPUTS, Prediction, fix_size, predict_with
from famda_train.models.card import model_card
from famda_train.models.checkpoint import load_student
from famda_train.models.student_graph import StudentGraph, decide, finer_logits, metres

LOGITS = 'logits'


@dataclass(frozen=True)
class RawPrediction:
    """What a student says about one image.

    Attributes:
        prediction: at the image's size; metres for the image's focal length.
        logits: float32 [h, w, C] that the labels were decided from, at half the network's size.
    """

    prediction: Prediction
    logits: np.ndarray


class RawStudent:
    """A checkpoint or an .onnx file that gives its logits as well.

    Args:
        path: the file.

    Raises:
        FamdaError: no student of FAMDA, or one whose graph decides its labels in another way.

    Attributes:
        card: the model card.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._logits = np.empty(0)
        if self.path.suffix == '.onnx':
            self.card: ModelCard = read_card(self.path)
            self._model = with_logits(onnx.load(str(self.path)), self.path)
            self._sessions: dict[tuple[int, int], onnxruntime.InferenceSession] = {}
            self._run = self._run_file
        else:
            network, spec = load_student(self.path)
            self.card = model_card(spec, network, self.path.stem)
            self.graph = StudentGraph(network, spec.output_range_m)
            self._run = self._run_checkpoint

    def predict(self, image: np.ndarray, focal: float | None, fy: float | None = None) -> RawPrediction:
        """Return what it says about uint8 [H, W, 3] RGB; ``focal`` is fx, ``fy`` None = square pixels."""
        prediction = predict_with(self._run, self.card, image, focal, fy=fy)
        return RawPrediction(prediction, self._logits)

    def __call__(self, image: np.ndarray, focal: float | None) -> Prediction:
        """Return the prediction alone, to be scored by :func:`famda_train.evaluation.evaluate.score_frames`."""
        return self.predict(image, focal).prediction

    def _run_file(self, small: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        session = self._session(small.shape[0], small.shape[1])
        *arrays, logits = session.run([*names, LOGITS], {'image': small[None]})
        self._logits = logits[0]
        return {name: array[0] for name, array in zip(names, arrays, strict=True)}

    def _session(self, height: int, width: int) -> onnxruntime.InferenceSession:
        if (height, width) not in self._sessions:
            options = session_options(threads=1)
            if self.card.stride:
                fix_size(options, (height, width))
            data = self._model.SerializeToString()
            self._sessions[height, width] = onnxruntime.InferenceSession(data, options, providers=[PROVIDERS['cpu']])
        return self._sessions[height, width]

    def _run_checkpoint(self, small: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        with torch.inference_mode():
            raw = self.graph.raw_outputs(torch.from_numpy(np.ascontiguousarray(small))[None])
            size, stride = (small.shape[0], small.shape[1]), self.graph.network.stride
            labels, confidence = decide(raw['segmentation'], size, stride)
            arrays = labels, confidence, metres(raw['depth'], size, self.graph.output_range_m, stride)
            self._logits = finer_logits(raw['segmentation'], stride)[0].numpy()
        return {name: array[0].numpy() for name, array in zip(OUTPUTS, arrays, strict=True) if name in names}


def with_logits(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """Give a student's graph a further output: what its labels are the largest of; changes ``model``.

    Raises:
        FamdaError: labels are not the largest of something, classes last.
    """
    found: list[Any] = [node for node in model.graph.node if node.op_type == 'ArgMax']
    if len(found) != 1 or onnx.helper.get_node_attr_value(found[0], 'axis') not in (3, -1):
        raise FamdaError(
            f"'{path}' does not show how sure it is of each class, so it cannot be compared without labels; compare "
            'its checkpoint, or score both on labelled frames with famda evaluate --baseline'
        )
    source = found[0].input[0]
    model.graph.node.append(onnx.helper.make_node('Identity', [source], [LOGITS], name=LOGITS))
    model.graph.output.append(onnx.helper.make_tensor_value_info(LOGITS, onnx.TensorProto.FLOAT, None))
    return model
