import numpy as np
import pytest
from scipy.integrate import solve_ivp

from pipeline.config.load import load_study
from pipeline.config.study import Study
from pipeline.config.truth import true_model
from pipeline.config.variants import true_variant
from pipeline.panel import simulated as module
from pipeline.panel.simulated import (
    draw_budgets,
    period_labels,
    simulate_blocks,
    simulate_markets,
    simulated_panel,
    simulated_truth,
)

TRUTH = {
    "response": {"product": "linear", "promotion": "michaelis_menten"},
    "firm_effects": "none",
    "parameters": {
        "product": 1.0,
        "promotion": 0.1,
        "promotion.h": 0.03,
        "jump_price": 80.0,
        "returns_to_scale": 0.5,
    },
}


def study(seed=3, models=None, truth=TRUTH, curves=None, **changes):
    simulate = {
        "markets": 5,
        "firms": 4,
        "periods": 30,
        "total_sales": 100.0,
        "variation": 0.1,
        "invested": 0.1,
        "efforts": {"product": {"part": 0.7}, "promotion": {"part": 0.3}},
        "campaign": 5.0,
        "truth": truth,
    }
    models = models or {
        "form": ["investment", "scaled"],
        "response": ["linear", {"product": "linear", "promotion": "michaelis_menten"}],
        "firm_effects": "none",
        "numeraire": "product",
    }
    content = {"study": "s", "simulate": simulate | changes, "models": models, "store": "runs", "seed": seed}
    content["curves"] = curves or {}
    return Study.model_validate(content)


def test_a_market_is_the_same_in_whatever_company_it_is_made():
    whole = simulate_markets(study(), range(5))
    blocks = list(simulate_blocks(study(), 2))
    assert [block.sizes["market"] for block in blocks] == [2, 2, 1]
    for block in blocks:
        part = whole.sel(market=block["market"].values)
        np.testing.assert_array_equal(part["sales"], block["sales"])
        np.testing.assert_array_equal(part["efforts"], block["efforts"])


def test_seeds_and_markets_differ():
    one, other = simulate_markets(study(), range(2)), simulate_markets(study(seed=4), range(2))
    assert not np.allclose(one["sales"][0], one["sales"][1])
    assert not np.allclose(one["sales"], other["sales"])


def test_budgets_add_up_and_stay_for_a_while():
    section = study(periods=2000, firms=6, spread=0.4).simulate
    budget = draw_budgets(section, np.random.default_rng(1))
    assert budget.shape == (2, 2000, 6)
    assert budget.min() > 0
    assert budget.sum(axis=0).mean() == pytest.approx(0.1, rel=1e-12)
    part = budget.mean(axis=(1, 2)) / 0.1
    np.testing.assert_allclose(part, [0.7, 0.3], rtol=0.05)
    assert np.mean(np.diff(budget, axis=1) != 0) == pytest.approx(1 / 5, rel=0.05)
    logarithms = np.log(budget)
    np.testing.assert_allclose(logarithms.std(axis=(1, 2)), 0.4, rtol=0.05)


def test_sales_follow_the_equation():
    given = study(noise=0.0, markets=1)
    panel = simulate_markets(given, range(1)).isel(market=0)
    sales = panel["sales"].values.T
    total = sales.sum(axis=1)
    assert total.mean() == pytest.approx(100.0, rel=1e-12)
    product, promotion = panel["efforts"].transpose("effort", "time", "firm").values
    f = product + 0.1 * promotion / (0.03 + promotion)
    share = sales / total[:, np.newaxis]

    def slope(_, state, period):
        investment = f[period] * np.sqrt(total[period] * state * 100.0) * 1.0
        return (investment - state * investment.sum()) / 80.0

    for period in range(1, 30):
        end = solve_ivp(
            slope, (0, 1), share[period - 1], args=(period,), method="DOP853", rtol=1e-11, atol=1e-13
        )
        np.testing.assert_allclose(share[period], end.y[:, -1], atol=1e-9)


def test_noise_is_white_in_log_ratio_coordinates():
    quiet = simulate_markets(study(noise=0.0, periods=400, firms=8), range(1))["sales"][0].values
    loud = simulate_markets(study(noise=0.05, periods=400, firms=8), range(1))["sales"][0].values
    np.testing.assert_allclose(quiet.sum(axis=0), loud.sum(axis=0), rtol=1e-12)
    error = np.log(loud / quiet)
    error -= error.mean(axis=0)
    assert error.std() * np.sqrt(8 / 7) == pytest.approx(0.05, rel=0.05)


def test_labels_of_periods_are_numbers_or_dates():
    assert period_labels(study(periods=3).simulate).tolist() == [1, 2, 3]
    for frequency, expected in {
        "day": ["2024-01-31", "2024-02-01", "2024-02-02"],
        "week": ["2024-01-31", "2024-02-07", "2024-02-14"],
        "month": ["2024-01-01", "2024-02-01", "2024-03-01"],
        "quarter": ["2024-01-01", "2024-04-01", "2024-07-01"],
        "year": ["2024-01-01", "2025-01-01", "2026-01-01"],
    }.items():
        labels = period_labels(study(periods=3, start="2024-01-31", frequency=frequency).simulate)
        assert labels.astype("datetime64[D]").astype(str).tolist() == expected, frequency


def test_the_model_that_is_the_truth_is_found_or_not():
    assert true_model(study()) == "scaled-mixed"
    linear = {"form": ["investment", "scaled"], "response": "linear", "numeraire": "product"}
    assert true_model(study(models=linear)) is None
    gauge = {
        "form": "scaled",
        "firm_effects": "none",
        "response": {"product": "linear", "promotion": "michaelis_menten"},
    }
    assert true_model(study(models=gauge)) is None, "M is fixed at another value"
    assert true_model(study(models=gauge, total_sales=80.0)) == "scaled-mixed"
    assert simulated_truth(study())["promotion.h"] == 0.03


def test_a_curve_of_ones_own_may_be_the_truth():
    own = {"mm": {"formula": "k * u / (half + u)", "parameters": {"k": {}, "half": {"minimum": 0}}}}
    truth = TRUTH | {"response": {"product": "linear", "promotion": "mm"}}
    truth |= {
        "parameters": {name.replace(".h", ".half"): value for name, value in TRUTH["parameters"].items()}
    }
    np.testing.assert_allclose(
        simulate_markets(study(truth=truth, curves=own), range(1))["sales"],
        simulate_markets(study(), range(1))["sales"],
        rtol=1e-9,
    )


@pytest.mark.parametrize(
    ("truth", "form", "effects"),
    [
        ({"firm_effects": False, "response": "linear"}, "investment", "constant"),
        ({"firm_effects": True, "response": "mnl"}, "investment", "free"),
        ({"firm_effects": True, "response": "linear"}, "proportional", "zero-sum"),
        ({"response": "pareto"}, "investment", "none"),
        ({"response": "linear", "carry_over": {"promotion": "geometric"}}, "investment", "none"),
    ],
)
def test_every_kind_of_truth_can_be_simulated(truth, form, effects):
    names = {"product": 1.0, "promotion": 0.5, "promotion.delta": 0.5, "pareto": 1.0, "constant": 0.1}
    names |= {f"constant.firm {number}": 0.1 * number for number in range(1, 5)}
    names |= {"jump_price": 80.0, "returns_to_scale": {"investment": 0.0, "proportional": 1.0}[form]}
    given = study(truth=truth | {"parameters": names})
    variant = true_variant(given.simulate)
    assert (variant.form, variant.firm_effects) == (form, effects)
    sales = simulate_markets(given, range(2))["sales"]
    assert bool((sales > 0).all())


def test_zero_sum_constants_of_firms_reach_f(monkeypatch):
    seen = []
    original = module.simulate_shares
    monkeypatch.setattr(module, "simulate_shares", lambda *a, **k: seen.append(a[1]) or original(*a, **k))
    values = {"product": 1.0, "promotion": 1.0, "jump_price": 80.0, "returns_to_scale": 1.0}
    values |= {
        f"constant.firm {number}": value for number, value in enumerate([0.3, -0.1, -0.1, -0.1], start=1)
    }
    given = study(truth={"response": "linear", "firm_effects": True, "parameters": values}, markets=1)
    panel = simulate_markets(given, range(1)).isel(market=0)
    spent = panel["efforts"].sum("effort").transpose("time", "firm").values
    np.testing.assert_allclose(
        seen[-1] - spent, np.broadcast_to([0.3, -0.1, -0.1, -0.1], spent.shape), atol=1e-12
    )


def test_the_panel_is_checked_and_keeps_the_meaning_of_efforts():
    given = study(currency="tenge", start="2024-01-01")
    with_meaning = simulated_panel(given, size=2).load([1, 5])
    assert with_meaning["kind"].values.tolist() == ["ratio", "ratio"]
    assert with_meaning["sales"].attrs["units"] == "tenge / period"
    np.testing.assert_array_equal(
        with_meaning["sales"].values, simulate_markets(given, range(5))["sales"].values[[0, 4]]
    )


def test_a_study_with_data_of_its_own_is_refused(tmp_path):
    (tmp_path / "s.csv").write_text("f,t,s,u\n")
    text = "study: s\ndata: {file: s.csv, firm: f, time: t, sales: s, efforts: u}\n"
    text += "models: {response: mnl}\nstore: r\n"
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(ValueError, match="section simulate"):
        simulate_markets(load_study(tmp_path / "s.yaml"), range(1))
