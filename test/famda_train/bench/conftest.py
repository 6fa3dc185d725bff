# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests of the benches share."""
from functools import partial

import pytest

from famda_train.bench import real, trainings
from famda_train.labelling.engines import open_engine
from famda_train.training import parallel_fits


@pytest.fixture
def one_process(monkeypatch):
    """Train and label in this process: quick, and everything else stays as it is."""

    def fit_all(runs, progress, finished, after, jobs):
        waiting = list(runs)
        while waiting:
            name = next(name for name in waiting if after.get(name) not in waiting)
            waiting.remove(name)
            parallel_fits.fit_here(runs[name], [parallel_fits.StepReporter(lambda step: None)], 1)
            finished(name, 1.0)

    monkeypatch.setattr(trainings, 'fit_all', fit_all)
    monkeypatch.setattr(real, 'open_engine', partial(open_engine, workers=0))
