# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda teachers purity``."""
from __future__ import annotations

from typing import Any

POSITIONALS = ('data',)
HAS_RESULT = True


def run(
    data: str,
    masks: tuple[str, ...] = ('felzenszwalb',),
    kind: str = 'auto',
    split: str | None = None,
    label_space: str | None = None,
    options: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Compare mask stores with labels: what a vote over the masks could reach at best.

    Coverage is the share of labelled pixels inside a mask; purity the share of these that belong to the
    majority class of their mask.  Purity rises with the number of masks: compare stores at equal numbers.

    Args:
        data: labelled data set whose store famda label has filled.
        masks: names of stores.
        kind: layout of the data; auto = detect it.
        split: part of the data; default: the one for validation, where the data has splits.
        label_space: label space in which the truth is read; default: the data's own.
        options: what else the layout takes, such as --options.store DIR.
    """
    from famda_train.commands.evaluate import validation_split
    from famda_train.commands.progress import progress_bar
    from famda_train.datasets.catalogue import open_dataset
    from famda_train.inspection.mask_purity import purity_of_store

    reading = {'split': split or validation_split(data, kind), 'label_space': label_space, **(options or {})}
    frames = open_dataset(data, kind, **reading)
    with progress_bar() as bar:
        stores = {name: purity_of_store(frames, name, bar) for name in dict.fromkeys(masks)}
    result = {'data': data, 'data_name': frames.info.get('name'), 'split': reading['split'], 'masks': stores}
    _print(result)
    return result


def _print(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    stores = result['masks']
    console = Console(width=None if Console().is_terminal else 140, highlight=False)
    table = Table('masks', 'images', 'masks per image', 'coverage, %', 'purity, %')
    for name, store in stores.items():
        numbers = [f'{store["masks_per_image"]:.1f}', *(_number(store[key]) for key in ('coverage', 'purity'))]
        table.add_row(name, str(store['images']), *numbers)
    console.print(table)
    classes = Table('coverage / purity, %', *stores)
    for name in next(iter(stores.values()))['classes']:
        cells = [store['classes'][name] for store in stores.values()]
        classes.add_row(name, *(f'{_number(cell["coverage"])} / {_number(cell["purity"])}' for cell in cells))
    console.print(classes)


def _number(value: float | None) -> str:
    return '-' if value is None else f'{value:.1f}'
