"""Whatever is wrong with a file, the answer is a sentence, and soon: mutants of all that users write."""

from mutants import Mutants


def failures(mutants, count):
    trials = mutants.attempts(range(count))
    return [
        (trial.verdict, trial.mutant.kind, trial.mutant.number, repr(trial.error))
        for trial in trials
        if trial.verdict in ("traceback", "slow")
    ]


def test_no_mutant_ends_in_a_traceback_or_takes_long(tmp_path):
    assert failures(Mutants(tmp_path, seed=7), 2000) == []


def test_the_trials_can_fail(tmp_path, monkeypatch):
    """A mutant that the product does not foresee is noticed."""

    def break_down(*_, **__):
        raise KeyError("price")

    mutants = Mutants(tmp_path, seed=7)
    monkeypatch.setattr("mutants.load_study", break_down)
    monkeypatch.setattr("mutants.load_settings", break_down)
    found = failures(mutants, 3)
    assert [verdict for verdict, *_ in found] == ["traceback"] * 3
