# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda annotate``."""
from __future__ import annotations

POSITIONALS = ('frames',)


def run(
    frames: str,
    space: str | None = None,
    model: str | None = None,
    masks: str | None = None,
    stems: tuple[str, ...] = (),
    port: int = 0,
) -> None:
    """Label frames by hand on a page of this machine: clicks on cached masks, a brush, the keyboard.

    Every action is saved at once in the folder's labels/; Ctrl-C ends the program, and the same command goes on where
    it stopped.

    Args:
        frames: frame folder, as famda extract writes it.
        space: label space, a name or your YAML file; default: that of the folder.
        model: student .onnx file whose prediction is suggested, and whose doubts order the frames.
        masks: store of masks that a click takes, such as felzenszwalb or sam; default: the only one that the folder
            has, else superpixels.
        stems: these frames alone, in this order, such as those that famda compare asks for; default: all, most
            informative first.
        port: to listen to on 127.0.0.1; 0 = any that is free.
    """
    from famda_ros.errors import FamdaError

    try:
        from famda_train.annotate.server import serve
    except ModuleNotFoundError as error:
        if error.name != 'aiohttp':
            raise
        raise FamdaError("aiohttp is not installed; get it with: pip install 'famda_ros[train,annotate]'") from error
    from famda_train.annotate.annotator import Annotator, mask_store, open_folder
    from famda_train.annotate.history import History
    from famda_train.commands.progress import progress_bar

    data = open_folder(frames, space)
    with History(data.path).locked():
        with progress_bar('images') as bar:
            tasks: dict[str, object] = {}

            def told(what: str, done: int, total: int) -> None:
                if what not in tasks:
                    tasks[what] = bar.add_task(what, total=total)
                bar.update(tasks[what], completed=done)  # type: ignore[arg-type]

            annotator = Annotator(data, mask_store(data, masks), model, stems, told)
        serve(annotator, port, lambda address: print(f'label {len(annotator.frames)} frames: {address}', flush=True))
