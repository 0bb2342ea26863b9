"""Trajectories that are not stored are computed from the parameters: the shares that the fits had."""

from types import SimpleNamespace

import numpy as np
import pytest

from pipeline import load_study, open_store, run_study
from pipeline.errors import QueryError
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.store.integrity.verify import verify_store

# Firm effects, an entrant, a holdout, an estimated gain and own weights: all that a composed model may need.
STUDY = """
study: shares
data: {file: panel.csv, market: town, firm: shop, time: week, sales: sales, efforts: {promo: {kind: index}}}
models: {form: [investment, proportional], response: linear, firm_effects: true}
fit: {starts: 2, polish: 1}
validation: {holdout: 0.25}
uncertainty: {intervals: [covariance]}
store: {path: runs, trajectories: all}
cluster: {kind: serial}
"""
MODELS = ("investment-linear", "proportional-linear")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("shares"), np.random.default_rng(4)
    lines = ["town,shop,week,sales,promo"]
    for town in "XYZ":
        for shop in range(3):
            for week in range(8 if (town, shop) == ("Y", 2) else 0, 24):
                promo = random.uniform(0.5, 2.0)
                sales = (5 + shop) * np.exp(0.1 * promo + 0.03 * random.standard_normal())
                lines.append(f"{town},{shop},{week},{sales:.6f},{promo:.6f}")
    (folder / "panel.csv").write_text("\n".join(lines) + "\n")
    (folder / "study.yaml").write_text(STUDY)
    return folder


@pytest.fixture(scope="module")
def stored(folder):
    return open_store(run_study(load_study(folder / "study.yaml")).store)


@pytest.fixture(scope="module")
def best(folder):
    overrides = [f"store={{path: {folder}/best, trajectories: best}}"]
    return open_store(run_study(load_study(folder / "study.yaml", overrides)).store)


def shares(results, model):
    return results.trajectories(model)["share"]


@pytest.mark.parametrize("model", MODELS)
def test_what_is_computed_is_what_the_fit_had(stored, model, monkeypatch):
    kept, table = shares(stored, model).load(), stored.table("trajectories", model=model)
    assert kept.notnull().sum() == (2 * 3 * 3 - 2) * 24 - 2 * 8 + 2 * 24, (
        "both windows, without the entrant's past"
    )
    monkeypatch.setattr(SweepTables, "trajectory_arrays", lambda self, model: {})
    computed = shares(stored, model)
    np.testing.assert_allclose(computed.values, kept.values, rtol=1e-9, atol=1e-12)
    one = computed.sel(market="Y", window="holdout", firm=0)[3:9]
    np.testing.assert_allclose(one, kept.sel(market="Y", window="holdout", firm=0)[3:9], rtol=1e-9)
    again = stored.table("trajectories", model=model)
    np.testing.assert_allclose(again["share"], table["share"], rtol=1e-9)


def test_of_the_best_models_alone(stored, best):
    """In every market and window the one with the lowest AICc, as the fits say."""
    criterion = np.stack([stored.fits(model)["aicc"].values for model in MODELS])
    for number, model in enumerate(MODELS):
        array = np.asarray(best.tables.trajectory_arrays(model)["share"])
        lowest = criterion.argmin(axis=0) == number
        np.testing.assert_array_equal(~np.isnan(array).all(axis=(2, 3)), lowest)
        np.testing.assert_allclose(shares(best, model), shares(stored, model), rtol=1e-9, atol=1e-12)
    assert not verify_store(best.store).damage


def test_none_is_said_where_they_cannot_be_computed(stored, monkeypatch):
    monkeypatch.setattr(SweepTables, "trajectory_arrays", lambda self, model: {})
    tables = SweepTables(stored.session, stored.sweep)
    blind = SimpleNamespace(**{name: getattr(stored.sweep, name) for name in stored.sweep.__slots__})
    blind.attributes = {}
    tables.info = blind
    with pytest.raises(QueryError, match="does not hold its study"):
        type(stored).of_tables(tables).table("trajectories")
