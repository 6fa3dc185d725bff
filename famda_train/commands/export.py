# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda export``."""
from __future__ import annotations

from typing import Any

POSITIONALS = ('checkpoint', 'frames')
HAS_RESULT = True


def run(
    checkpoint: str,
    frames: str,
    out: str = 'student.onnx',
    count: int = 40,
    name: str | None = None,
    kind: str = 'auto',
    split: str | None = None,
    options: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Export a checkpoint as one self-describing ONNX file, checked against torch.

    Args:
        checkpoint: written by famda fit.
        frames: frame folder or data set with real images for the parity check.
        out: file to write; it appears only if labels agree on at least 99.5 % of the
            pixels and depth within 1 %.
        count: frames of the parity check.
        name: name in the model card; default: the file's.
        kind: of the data set; auto = told by its layout.
        split: of the data set; default: the one meant for training.
        options: what else this kind of data set takes, for example --options.condition night.
    """
    from famda_train.data.catalogue import open_dataset
    from famda_train.export import export_student

    images = open_dataset(frames, kind, split, **(options or {})).images(count)
    parity = export_student(checkpoint, out, images, name)
    print(
        f'wrote {out}: {100 * parity.label_agreement:.3f} % of labels agree with torch, '
        f'depth within {100 * parity.depth_error:.4f} % ({parity.frames} frames)'
    )
    return {'out': out, 'frames': parity.frames, 'labels': parity.label_agreement, 'depth_error': parity.depth_error}
