# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda label``."""
from __future__ import annotations

import inspect
import sys
from typing import Any, Literal

POSITIONALS = ('frames',)
HAS_RESULT = True

EXIT_INCOMPLETE, EXIT_ERROR = 1, 2
FRAMES_SHOWN = 6
LISTED = 5
"""Frames that are named per store; the others are counted."""


def run(
    frames: str,
    masks: str | None = 'felzenszwalb',
    depth: str | None = 'street-world',
    masks_options: dict[str, Any] | None = None,
    depth_options: dict[str, Any] | None = None,
    kind: str = 'auto',
    split: str | None = None,
    options: dict[str, Any] | None = None,
    engine: Literal['local', 'ray'] = 'local',
    workers: int | None = None,
    address: str | None = None,
    contact_sheet: str | None = None,
    frames_shown: int | None = None,
    verify: bool = False,
) -> dict[str, Any]:
    """Fill the label store of a data set: class-agnostic masks and depth, cached.

    An interrupted run continues where it stopped.  The exit code is 1 where frames had to be left out, or where
    --verify found something.

    Args:
        frames: frame folder, or a data set in its owner's layout (Cityscapes, ACDC, ...).
        masks: mask teacher, or null for none; famda teachers list names them.
        depth: depth teacher, or null for none; the street-world ones are stand-ins that know rendered streets only.
        masks_options: settings of the mask teacher, for example --masks-options.scale 60; with
            --masks-options.name NAME the store gets that name.
        depth_options: settings of the depth teacher, for example --depth-options.reliability mirror, which also stores
            how far its readings agree.
        kind: layout of the data set; auto = detect it.
        split: part of the data set; default: the one for training.
        options: what else the layout takes, such as --options.condition night.
        engine: local: processes of this machine; ray: actors, on this or many machines.
        workers: number of processes or actors; default: one per GPU, or one per core for a teacher that uses none.
        address: address of a Ray cluster that this machine belongs to, HOST:PORT or auto; default: start Ray here.
        contact_sheet: PNG file to draw: some images beside their masks and depth.
        frames_shown: rows of the contact sheet; default: 6.
        verify: label nothing, but check every entry of all stores; broken ones are dropped, to be labelled again by
            the next run.
    """
    from famda_ros.errors import FamdaError
    from famda_train.commands.outputs import check_output_file
    from famda_train.datasets.catalogue import open_dataset

    if not (masks or depth or verify or contact_sheet):
        raise FamdaError('nothing to do: name a mask teacher, a depth teacher, or both')
    for name, given in ((masks, masks_options), (depth, depth_options)):
        if given and not name:
            raise FamdaError(f'{", ".join(given)}: settings of a teacher that is not to be used; name the teacher too')
    if verify:
        _check_nothing_of_labelling(
            masks=masks, depth=depth, masks_options=masks_options, depth_options=depth_options,
            engine=engine, workers=workers, address=address,
        )  # fmt: skip
    if frames_shown is not None and not contact_sheet:
        raise FamdaError('--frames-shown is for the contact sheet; name its file with --contact-sheet FILE.png')
    if contact_sheet:
        if not contact_sheet.lower().endswith('.png'):
            raise FamdaError(f"the contact sheet is a PNG file; its name must end in .png, not '{contact_sheet}'")
        check_output_file(contact_sheet)
    dataset = open_dataset(frames, kind, split, **(options or {}))
    if verify:
        result = _verify(dataset)
    else:
        settings = {'masks': masks_options or {}, 'depth': depth_options or {}}
        result = _label(dataset, {'masks': masks, 'depth': depth}, settings, (engine, workers, address))
    if contact_sheet and 'error' not in result:
        from famda_train.inspection.contact_sheet import write_contact_sheet

        shown, faults = write_contact_sheet(contact_sheet, dataset, frames_shown or FRAMES_SHOWN)
        print(f'{contact_sheet}: {shown} frame{"s" * (shown != 1)}')
        _list([f'left out: {fault}' for fault in faults])
    return result


def exit_code(result: dict[str, Any]) -> int:
    """Return 0 only where every frame is labelled and whole, 2 where a teacher gave up."""
    if 'error' in result:
        return EXIT_ERROR
    wrong = any(store.get(what) for store in result.values() for what in ('failed', 'broken', 'missing', 'error'))
    return EXIT_INCOMPLETE if wrong else 0


def _check_nothing_of_labelling(**given: Any) -> None:
    from famda_ros.errors import FamdaError

    defaults = inspect.signature(run).parameters
    for name, value in given.items():
        if value != defaults[name].default:
            raise FamdaError(f'--verify checks all stores and labels nothing; leave out --{name.replace("_", "-")}')


def _label(dataset, teachers, settings, how: tuple[str, int | None, str | None]) -> dict[str, Any]:
    from famda_ros.errors import FamdaError
    from famda_train.commands.progress import progress_bar
    from famda_train.label_store.licences import teacher_notice
    from famda_train.labelling.engines import open_engine
    from famda_train.labelling.labelling import label_with_teachers

    if not any(teachers.values()):
        return {}
    with progress_bar('images') as bar, open_engine(*how) as engine:

        def print_licence(identity: dict[str, Any]) -> None:
            if notice := teacher_notice(identity):
                bar.console.print(f'note: {notice}', highlight=False, soft_wrap=True)

        result: dict[str, Any] = {}
        error = None
        try:
            label_with_teachers(dataset, teachers, bar, settings, engine, print_licence, result.__setitem__)
        except FamdaError as fault:
            if not result:
                raise
            error = str(fault)  # after what was done
    for role, store in result.items():
        print(_labelled_line(role, store))
        _list([f'frame {failed["stem"]}: {failed["reason"]}' for failed in store['failed']])
        if 2 * store.get('empty', 0) > store['labelled'] + store['kept']:
            print(_empty_line(store), file=sys.stderr)
    if error:
        print(f'famda label: {error}', file=sys.stderr)
        result['error'] = error
    return result


def _empty_line(store: dict[str, Any]) -> str:
    return (
        f'  {store["empty"]} of {store["labelled"] + store["kept"]} frames hold no mask at all; look at them with '
        '--contact-sheet, and lower the thresholds of the teacher'
    )


def _labelled_line(role: str, store: dict[str, Any]) -> str:
    parts = [f'{store["labelled"]} labelled']
    if store['labelled']:
        parts[0] += f' ({store["labelled"] / store["seconds"]:.1f} images/s)'
    parts += [f'{store["kept"]} kept'] if store['kept'] else []
    parts += [f'{len(store["failed"])} left out'] if store['failed'] else []
    parts += [_size(store)] if store['mb_per_1000_frames'] is not None else []
    return f'{role}: {store["store"]}: {", ".join(parts)}'


def _verify(dataset) -> dict[str, Any]:
    from famda_ros.errors import FamdaError
    from famda_train.commands.progress import progress_bar
    from famda_train.inspection.store_check import check_store
    from famda_train.label_store.label_store import LabelStore

    names = LabelStore.names(dataset.store)
    if not names:
        raise FamdaError(f"'{dataset.store}' has no label store to verify; run famda label without --verify first")
    result = {}
    with progress_bar('images') as bar:
        for role, name in names:

            def track(items, total, title=f'verify: {role}-{name}'):
                return bar.track(items, total=total, description=title)

            try:
                result[f'{role}-{name}'] = check_store(dataset, role, name, track)
            except FamdaError as error:
                store_path = str(dataset.store / 'teachers' / f'{role}-{name}')
                result[f'{role}-{name}'] = {'store': store_path, 'error': str(error)}
    for store in result.values():
        if 'error' in store:
            print(f'{store["store"]}: cannot be verified')
            _list([store['error']])
            continue
        print(_verified_line(store))
        _list([f'{broken["stem"] or "index.jsonl"}: {broken["reason"]}; dropped' for broken in store['broken']])
        if store['broken'] or store['missing']:
            frames = f'missing frame{"s" * (store["missing"] != 1)}'
            print(f'  the next famda label with this teacher labels the {store["missing"]} {frames}')
        _list([f'{name}: belongs to no entry and no frame, can be deleted' for name in store['orphans']])
    return result


def _verified_line(store: dict[str, Any]) -> str:
    parts = [f'{store["entries"]} whole']
    parts += [f'{len(store["broken"])} broken'] if store['broken'] else []
    parts += [f'{store["missing"]} of the frames missing'] if store['missing'] else []
    parts += [_size(store)] if store['mb_per_1000_frames'] is not None else []
    return f'{store["store"]}: {", ".join(parts)}'


def _size(store: dict[str, Any]) -> str:
    return f'{store["mb_per_1000_frames"]:.1f} MB per 1,000 frames'


def _list(sentences: list[str]) -> None:
    for sentence in sentences[:LISTED]:
        print(f'  {sentence}', file=sys.stderr)
    if len(sentences) > LISTED:
        print(f'  ... and {len(sentences) - LISTED} more, see --json', file=sys.stderr)
