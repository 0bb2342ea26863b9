"""First stages against published estimates, two-stage least squares, and the covariances of statsmodels."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from pipeline.models.instruments.first_stage import FirstStageError, deviations, first_stage

PYBLP = find_spec("pyblp")
needs_pyblp = pytest.mark.skipif(PYBLP is None, reason="the data are those of the package pyblp")


def products(name):
    """A table of products as pyblp has it, without running any of its code."""
    table = pd.read_csv(Path(PYBLP.origin).parent / "data" / f"{name}_products.csv")
    outside = 1.0 - table.groupby("market_ids")["shares"].transform("sum")
    return table.assign(level=np.log(table["shares"] / outside))


def least_squares(target, *columns):
    return np.linalg.lstsq(np.stack(columns, axis=1), target, rcond=None)[0]


def two_stages(target, endogenous, exogenous, instruments):
    """Two-stage least squares as a textbook has it; the coefficient of the endogenous column comes first."""
    known = np.column_stack([*exogenous, *instruments])
    explained = known @ np.linalg.lstsq(known, endogenous, rcond=None)[0]
    return least_squares(target, explained, *exogenous)


@needs_pyblp
def test_cereals_of_nevo_without_and_with_instruments():
    table = products("nevo")
    instruments = [name for name in table if name.startswith("demand_instruments")]
    cube = {
        name: table.pivot_table(index="market_ids", columns="product_ids", values=name).to_numpy()
        for name in ("level", "prices", *instruments)
    }
    active = np.ones(cube["level"].shape, dtype=bool)
    assert active.shape == (94, 24)
    values = np.stack([cube[name] for name in instruments])
    stage = first_stage("prices", cube["prices"], values, active, instruments, 20, periods=False)
    level, price = deviations(np.stack([cube["level"], cube["prices"]]), active, periods=False)
    alone = least_squares(level.ravel(), price.ravel())
    both = least_squares(level.ravel(), price.ravel(), stage.control.ravel())
    assert alone[0] == pytest.approx(-28.95, abs=0.005)
    assert both[0] == pytest.approx(-30.10, abs=0.005)
    assert stage.f_statistic > 10.0


@needs_pyblp
def test_cars_of_berry_levinsohn_and_pakes():
    table = products("blp")
    traits = [np.ones(len(table)), *(table[name].to_numpy() for name in ("hpwt", "air", "mpd", "space"))]
    level, price = table["level"].to_numpy(), table["prices"].to_numpy()
    plain = least_squares(level, price, *traits)
    assert plain[1] == pytest.approx(-10.072, abs=0.0005)
    assert plain[0] == pytest.approx(-0.089, abs=0.0005)
    labels = [name for name in table if name.startswith("demand_instruments")]
    instruments = [table[name].to_numpy() for name in labels]
    # All models of all years as one firm over time: its constant is the constant.
    rows = np.stack([*instruments, *traits[1:]])[:, :, np.newaxis]
    active, names = np.ones((len(table), 1), dtype=bool), [*labels, "hpwt", "air", "mpd", "space"]
    stage = first_stage("price", price[:, np.newaxis], rows, active, names, len(labels), periods=False)
    controlled = least_squares(level, price, *traits, stage.control[:, 0])
    expected = two_stages(level, price, traits, instruments)
    np.testing.assert_allclose(controlled[:-1], expected, rtol=1e-8)
    assert expected[0] < -0.12


def panel(seed=0, periods=40, firms=5, absent=False):
    rng = np.random.default_rng(seed)
    cost, other, level = rng.normal(size=(3, periods, firms))
    active = np.ones((periods, firms), dtype=bool)
    if absent:
        active[:12, 1] = active[30:, 3] = False
    price = 0.8 * cost + 0.3 * other + rng.normal(size=(periods, firms)) + rng.normal(size=firms)
    price += rng.normal(size=(periods, 1))
    return price, np.stack([cost, other]), level, active


def dummies(active):
    """Design of constants of firms and periods, one row a cell."""
    time, firm = np.nonzero(active)
    return np.column_stack([np.eye(active.shape[1])[firm], np.eye(active.shape[0])[time][:, 1:]])


@pytest.mark.parametrize("absent", [False, True])
def test_residual_is_that_of_a_regression_with_constants_of_firms_and_periods(absent):
    price, regressors, _, active = panel(absent=absent)
    stage = first_stage("price", price, regressors, active, ["cost", "other"], 1)
    design = np.column_stack([regressors[:, active].T, dummies(active)])
    fitted = sm.OLS(price[active], design).fit()
    np.testing.assert_allclose(stage.control[active], fitted.resid, atol=1e-10)
    np.testing.assert_allclose(stage.slopes, fitted.params[:2], rtol=1e-9)
    assert (stage.control[~active] == 0.0).all()


def test_covariance_is_that_of_driscoll_and_kraay():
    price, regressors, _, active = panel(periods=60)
    stage = first_stage("price", price, regressors, active, ["cost", "other"], 1)
    within = deviations(np.concatenate([price[np.newaxis], regressors]), active)
    time = np.repeat(np.arange(60), 5)
    fitted = sm.OLS(within[0].ravel(), within[1:].reshape(2, -1).T).fit(
        cov_type="hac-groupsum",
        cov_kwds={"time": time, "maxlags": 3, "use_correction": False},
    )
    scale = 300 / (300 - 5 - 59 - 2)
    np.testing.assert_allclose(stage.covariance, scale * fitted.cov_params(), rtol=1e-6)
    assert stage.f_statistic == pytest.approx(stage.slopes[0] ** 2 / stage.covariance[0, 0])


@pytest.mark.parametrize("absent", [False, True])
def test_control_gives_two_stage_least_squares(absent):
    price, regressors, level, active = panel(absent=absent)
    stage = first_stage("price", price, regressors, active, ["cost", "other"], 1)
    constants = list(dummies(active).T)
    cells = [array[active] for array in (level, price, regressors[0], regressors[1])]
    expected = two_stages(cells[0], cells[1], [cells[3], *constants], [cells[2]])
    found = least_squares(cells[0], cells[1], cells[3], stage.control[active], *constants)
    np.testing.assert_allclose(found[:2], expected[:2], rtol=1e-8)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda cost, other, price: (np.full_like(cost, 3.0), other), "cost of price does not vary"),
        (lambda cost, other, price: (cost[:, :1] + 0 * cost, other), "cost of price does not vary"),
        (lambda cost, other, price: (2 * other, other), "cost of price follows from"),
        (lambda cost, other, price: (price, other), "price follows from its instruments"),
    ],
    ids=["constant", "common to all firms", "an exogenous input", "the effort itself"],
)
def test_instruments_that_say_nothing_are_refused(change, said):
    price, (cost, other), _, active = panel()
    with pytest.raises(FirstStageError, match=said):
        first_stage("price", price, np.stack(change(cost, other, price)), active, ["cost", "other"], 1)


def test_too_few_cells_are_refused():
    price, regressors, _, active = panel(periods=3, firms=2)
    with pytest.raises(FirstStageError, match="too few"):
        first_stage("price", price, regressors, active, ["cost", "other"], 1)
