# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Steps of a long run: each is done once, whenever the run is killed; one view of their progress."""
from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from famda_train.resumable_folder import ResumableFolder, remove

LINE_S = 30.0
"""Between two lines where no terminal shows bars."""


class StepFolder(ResumableFolder):
    """The folder of a run of steps; its JSON file keeps of each: result, seconds, and how often it was begun.

    Args:
        out: the folder.
        file: name of the JSON file.
        settings: everything that decides the results.
        restart: begin anew, see :class:`~famda_train.resumable_folder.ResumableFolder`.

    Attributes:
        on_begin: called with the name of a step that is to be done, before it is.
    """

    def __init__(self, out: Path, file: str, settings: dict[str, Any], restart: bool = False):
        nothing_done: dict[str, Any] = {'running': None, 'begun': {}, 'seconds': {}, 'results': {}}
        super().__init__(out, file, settings, nothing_done, restart)
        self.on_begin: Callable[[str], None] = lambda name: None

    def step(self, name: str, work: Callable[[], Any], *products: Path, resumable: bool = False) -> Any:
        """Do a step unless it is done, and return its (JSON) result.

        Args:
            name: of the step.
            work: does it.
            products: files and folders that the step makes; those of an interrupted attempt are removed first.
            resumable: the work itself goes on with what an interrupted attempt has made.
        """
        state = self.state
        if name in state['results']:
            return state['results'][name]
        self.on_begin(name)
        for product in () if resumable else products:
            remove(product)
        state['running'] = name
        state['begun'][name] = state['begun'].get(name, 0) + 1
        self.save()
        start = time.perf_counter()
        result = work()
        state['seconds'][name] = round(state['seconds'].get(name, 0) + time.perf_counter() - start, 2)
        state['results'][name] = result
        state['running'] = None
        self.save()
        return result


class Progress:
    """Bars on a terminal, elsewhere a line every 30 s: the step, how far it is, the time left.

    Args:
        bars: a running :class:`rich.progress.Progress`.
        steps: names of the steps, in their order.
        has_terminal: whether the bars can be seen.
        clock: returns seconds.
    """

    def __init__(self, bars, steps: Iterable[str], has_terminal: bool | None = None, clock=time.monotonic):
        self._bars, self._steps, self._clock = bars, list(steps), clock
        self._lines = not (sys.stderr.isatty() if has_terminal is None else has_terminal)
        self._all = bars.add_task('all steps', total=len(self._steps))
        self._tasks: dict[str, Any] = {}
        self._begun: dict[str, tuple[float, int]] = {}
        self._line_at = clock()

    def begin(self, step: str) -> None:
        """Say that a step begins; those before it are done."""
        self._bars.update(self._all, completed=self._steps.index(step), description=f'all steps: {step}')
        if self._lines:
            print(f'{step} ({self._steps.index(step) + 1} of {len(self._steps)})', file=sys.stderr, flush=True)
            self._line_at = self._clock()

    def end(self) -> None:
        """Say that all steps are done."""
        self._bars.update(self._all, completed=len(self._steps), description='all steps')

    def update(self, what: str, done: int, total: int) -> None:
        """Move the bar of a work, or print its line if it is time."""
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what[:28], total=total or None)
            self._begun[what] = self._clock(), done
        self._bars.update(self._tasks[what], completed=done, total=total or None)
        now = self._clock()
        if self._lines and now - self._line_at >= LINE_S:
            since, first = self._begun[what]
            rate = (done - first) / (now - since) if now > since else 0.0
            left = f', {_minutes((total - done) / rate)} left' if rate and total else ''
            of = f' of {total}' if total else ''
            print(f'{what}: {done}{of}, {rate:.3g} a second{left}', file=sys.stderr, flush=True)
            self._line_at = now

    def of(self, what: str) -> Callable[[int, int], None]:
        """Return what moves the bar of a work, called with (done, total)."""
        return lambda done, total: self.update(what, done, total)

    def track(self, items: Iterable[Any], total: int, description: str) -> Iterator[Any]:
        """Yield the items, and move a bar with them."""
        self.update(description, 0, total)
        for done, item in enumerate(items, 1):
            yield item
            self.update(description, done, total)


def _minutes(seconds: float) -> str:
    return f'{int(seconds) // 60}:{int(seconds) % 60:02d}'
