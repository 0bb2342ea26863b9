"""The contender `nash`: it wins where firms play best responses, and loses where they go on as they did."""

import numpy as np
import pytest

from kernels.motion.shares import simulate_shares
from pipeline import open_store
from pipeline.config.load import load_study
from pipeline.errors import ConfigError
from pipeline.sweep.coordinator import run_study

PERIODS, AHEAD, TOTAL, MARGIN = 50, 10, 100.0, 0.3
STUDY = """
study: duel
data:
  file: sales.csv
  firm: firm
  time: time
  sales: sales
  reference_sales: 100.0
  efforts: {spent: {kind: amount}}
models: {form: investment, response: linear, firm_effects: none}
fit: {starts: 2}
validation: {holdout: 0.2, baselines: [last, nash]}
cluster: {kind: serial}
store: store
"""


def duel(folder, *, rational, seed=3):
    """Calibrate two firms whose attraction is their money; the last ten periods are held out.

    With a margin m of sales X best responses are E = m X / 4 each (Tullock 1980), whatever they did before.
    """
    rng = np.random.default_rng(seed)
    spent = np.clip(rng.normal([0.11, 0.03], 0.012, (PERIODS, 2)), 0.005, 0.14)
    if rational:
        spent[-AHEAD:] = MARGIN / 4
    share = simulate_shares(
        [0.7, 0.3],
        spent,
        np.full(PERIODS, TOTAL),
        np.ones(PERIODS),
        jump_price=0.15 * TOTAL,
        reference_sales=TOTAL,
        returns_to_scale=0.0,
    )
    share = share * np.exp(rng.normal(0.0, 0.01, share.shape))
    share /= share.sum(axis=1, keepdims=True)
    lines = ["firm,time,sales,spent"]
    lines += [
        f"{'AB'[i]},{t},{TOTAL * share[t, i]!r},{spent[t, i]!r}" for t in range(PERIODS) for i in range(2)
    ]
    (folder / "sales.csv").write_text("\n".join(lines).replace("np.float64(", "").replace(")", ""))
    (folder / "study.yaml").write_text(STUDY)
    return open_store(run_study(load_study(folder / "study.yaml")).store)


@pytest.mark.parametrize("rational", [True, False])
def test_nash_wins_where_firms_play_it(tmp_path, rational):
    results = duel(tmp_path, rational=rational)
    rows = results.sql(
        "select model, future, error from validation where \"window\" = 'holdout' and metric = 'rmse'"
    )
    error = {(m, f): e for m, f, e in zip(rows["model"], rows["future"], rows["error"], strict=True)}
    nash, carried = error["nash", "carried"], error["investment-linear", "carried"]
    assert error["nash", "given"] == pytest.approx(nash)
    assert (nash < 0.3 * carried) == rational
    assert (carried < 0.3 * nash) != rational
    if rational:
        # Best responses are what the firms did: as good as knowing it.
        assert nash < error["investment-linear", "given"] + 0.01


def test_a_game_needs_something_to_spend(tmp_path):
    path = tmp_path / "study.yaml"
    (tmp_path / "sales.csv").touch()
    path.write_text(STUDY.replace("{kind: amount}", "{}"))
    with pytest.raises(
        ConfigError, match="got the baseline nash, and efforts that cost nothing; expected an"
    ):
        load_study(path)
    path.write_text(STUDY.replace("[last, nash]}", "[nash], nash: {model: investment-liner}}"))
    with pytest.raises(ConfigError, match="got 'investment-liner'; expected"):
        load_study(path)


def test_studies_without_it_keep_their_hash(tmp_path):
    path = tmp_path / "study.yaml"
    (tmp_path / "sales.csv").touch()
    path.write_text(STUDY.replace(", nash", ""))
    plain = load_study(path).content_hash
    path.write_text(STUDY.replace("[last, nash]", "[last], nash: {margin: 0.4}"))
    assert load_study(path).content_hash == plain
    path.write_text(STUDY.replace("[last, nash]", "[last, nash], nash: {margin: 0.4}"))
    assert load_study(path).content_hash != plain
