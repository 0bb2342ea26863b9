"""Whatever is wrong with a file, the answer is a sentence, and soon: mutants of everything that users write."""

import pytest
from mutants import Mutants


def failures(tmp_path, seed, count):
    trials = Mutants(tmp_path, seed).attempts(range(count))
    return [
        (trial.verdict, trial.mutant.kind, trial.mutant.number, repr(trial.error))
        for trial in trials
        if trial.verdict in ("traceback", "slow")
    ]


def test_no_mutant_ends_in_a_traceback_or_takes_long(tmp_path):
    assert failures(tmp_path, seed=7, count=250) == []


@pytest.mark.long
def test_nor_do_two_thousand(tmp_path):
    assert failures(tmp_path, seed=8, count=2000) == []


def test_the_trials_can_fail(tmp_path, monkeypatch):
    """A mutant that the product does not foresee is noticed."""

    def break_down(*_, **__):
        raise KeyError("price")

    monkeypatch.setattr("mutants.load_study", break_down)
    monkeypatch.setattr("mutants.load_settings", break_down)
    found = failures(tmp_path, seed=7, count=3)
    assert [verdict for verdict, *_ in found] == ["traceback"] * 3
