# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests of the benches share."""
import pytest

from famda_train.bench import trainings
from famda_train.training import parallel_fits


@pytest.fixture
def fit_in_this_process(monkeypatch):
    """Train without processes of their own: quick, and everything else stays as it is."""

    def fit_all(runs, progress, finished, after, jobs):
        waiting = list(runs)
        while waiting:
            name = next(name for name in waiting if after.get(name) not in waiting)
            waiting.remove(name)
            assert parallel_fits.fit_here(runs[name], [parallel_fits.StepReporter(name, Silent())], 1) is None
            finished(name, 1.0)

    class Silent:
        def put(self, _):
            pass

    monkeypatch.setattr(trainings, 'fit_all', fit_all)
    monkeypatch.setattr(parallel_fits.signal, 'signal', lambda *_: None)  # Ctrl-C still ends the tests
