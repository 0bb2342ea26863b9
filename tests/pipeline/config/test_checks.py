import shutil

import pytest
from places import STUDIES

from pipeline.config.load import load_study
from pipeline.errors import ConfigError

SIMULATE = """\
simulate:
  firms: 3
  periods: 10
  total_sales: 100
  invested: 0.1
  efforts: {price: {part: 0.5}, feature: {part: 0.5}}
  truth:
    response: {price: linear, feature: hill}
    parameters: {price: 1, feature: 1, feature.h: 0.1, feature.n: 2, jump_price: 100, returns_to_scale: 0}
"""


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(STUDIES, tmp_path, dirs_exist_ok=True)
    return tmp_path


def problems(folder, *changes, text=None):
    """What is wrong with the small study after replacing pieces of its text, by key."""
    text = text or (STUDIES / "small.yaml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "small.yaml"
    path.write_text(text)
    try:
        load_study(path)
    except ConfigError as error:
        for problem in error.problems:
            assert problem.file == str(path)
            assert problem.got
            assert problem.expected
            assert problem.line is not None
        return {problem.key: problem for problem in error.problems}
    return {}


def simulated(folder, *changes):
    text = (STUDIES / "small.yaml").read_text()
    start, end = text.index("data:"), text.index("models:")
    return problems(folder, *changes, text=text[:start] + SIMULATE + text[end:])


def test_the_small_study_and_its_simulated_twin_are_right(folder):
    assert problems(folder) == {}
    assert simulated(folder) == {}


def test_everything_is_reported_at_once(folder):
    found = problems(
        folder,
        ("starts: 4", "start: 4, method: leastsqr, bounds: {price: [3, 1]}, max_evaluations: '9'"),
        ("[mnl, linear]", "[mnl, lineer, {price: hill, featur: sqrt, feature: hil}]"),
        ("scaled, proportional", "scald, proportional"),
        ("sales.csv", "sale.csv"),
        ("log(price /", "log(price / /"),
        ("store: runs", "cluster: {kind: slurm, adress: x}\nseed: true\nstudy: again"),
    )
    assert {key: problem.line for key, problem in found.items()} == {
        "store": 1, "data.file": 3, "data.efforts.price.formula": 9, "models.form.1": 12,
        "models.response.1": 13, "models.response.2.featur": 13, "models.response.2.feature": 13,
        "fit.start": 14, "fit.method": 14, "fit.bounds.price": 14, "fit.max_evaluations": 14,
        "cluster.adress": 15, "seed": 16, "study": 17,
    }  # fmt: skip
    hints = {
        "fit.start": "starts", "fit.method": "leastsq", "models.form.1": "scaled",
        "models.response.1": "linear",
        "models.response.2.featur": "feature", "models.response.2.feature": "hill", "data.file": "sales.csv",
        "cluster.adress": "address",
    }  # fmt: skip
    for key, name in hints.items():
        assert found[key].hint == f"Did you mean {name!r}?", key


CROSS = "{{family: mnl, cross: {}}}\nfit: {{priors: {{price.cross: [0, 1]}}, "

ONE_PROBLEM = [
    # key, old, new, what was got
    ("fit.loss", "starts: 4", "starts: 4, loss: huber", "'huber' with method leastsq"),
    ("fit.loss", "starts: 4", "starts: 4, method: compiled, loss: huber", "'huber' with method compiled"),
    ("fit.method", "starts: 4", "starts: 4, method: compiled, expr: {price: 2 * feature}", "beside fit.expr"),
    (
        "data.efforts.price.formula",
        "{formula: log(price / market_mean(price))}",
        "{column: price, role: price, formula: log(price / lag(cost))}",
        "uses cost, lag()",
    ),
    ("data.efforts.feature.role", "feature:", "feature: {role: prize}", "'prize'"),
    ("fit.noise", "starts: 4", "starts: 4, noise: full, residual: share", "full with residual: share"),
    (
        "fit.noise",
        "starts: 4",
        "starts: 4, noise: by_firm, loss: huber, method: least_squares",
        "by_firm with the loss 'huber'",
    ),
    ("fit.noise", "starts: 4", "starts: 4, noise: [full, full]", "the same kind twice"),
    ("fit.polish", "starts: 4", "starts: 4, polish: 5", "5 of 4"),
    ("fit.fixed.price", "starts: 4", "starts: 4, fixed: {price: 3}, bounds: {price: [null, 2]}", "3"),
    ("fit.bounds.price", "starts: 4", "starts: 4, bounds: {price: [2, 2]}", "[2, 2]"),
    ("fit.bounds.price", "starts: 4", "starts: 4, bounds: {price: [1]}", "a list of 1"),
    ("fit.fixed.prise", "starts: 4", "starts: 4, fixed: {prise: 3}", "'prise'"),
    ("fit.fixed.price.n", "starts: 4", "starts: 4, fixed: {price.n: 3}", "'price.n'"),
    ("fit.expr.price", "starts: 4", "starts: 4, expr: {price: 2 * featur}", "'featur'"),
    ("fit.expr.price", "starts: 4", "starts: 4, expr: {price: 2 * price}", "leads back"),
    ("fit.expr.price", "starts: 4", "starts: 4, expr: {price: __import__('os')}", "not allowed"),
    ("fit.expr.price", "starts: 4", "starts: 4, fixed: {price: 1}, expr: {price: feature}", "fit.fixed"),
    ("fit.max_evaluations", "starts: 4", "max_evaluations: 2.5", "2.5"),
    ("fit.fixed.price", "starts: 4", "fixed: {price: .nan}", "nan"),
    ("models.numeraire", "form:", "numeraire: price\n  form:", "under the response 'mnl'"),
    ("models.numeraire", "form:", "numeraire: prise\n  form:", "'prise'"),
    ("models.carry_over.prise", "form:", "carry_over: {prise: geometric}\n  form:", "'prise'"),
    ("models.carry_over.price", "form:", "carry_over: {price: geometrical}\n  form:", "'geometrical'"),
    ("models.carry_over", "form:", "carry_over: weekly\n  form:", "'weekly'"),
    ("models.exclude.0.response", "form:", "exclude: [{response: hill}]\n  form:", "'hill'"),
    ("models.exclude.0.gain", "form:", "exclude: [{gain: 0.5}]\n  form:", "0.5, which fit.gain does not"),
    ("models", "{starts: 4}", "{starts: 4, gain: [0, 0]}", "two models called"),
    ("fit.fixed.gain", "{starts: 4}", "{starts: 4, gain: [0, 1], fixed: {gain: 1}}", "beside 2 gains"),
    ("models.exclude.0", "form:", "exclude: [{}]\n  form:", "matches no model"),
    ("models.exclude", "form:", "exclude: [{response: [mnl, linear]}]\n  form:", "leave no model"),
    ("models.form.1", "[investment, scaled, proportional]", "[scaled, scaled]", "a second time"),
    ("models.response.1", "[mnl, linear]", "[mnl, mnl]", "a second time"),
    ("models.response", "[mnl, linear]", "[]", "an empty list"),
    ("models.response.order", "[mnl, linear]", "{family: pareto, order: [price]}", "the ranking price"),
    ("models.response", "[mnl, linear]", "{family: linear, order: all}", "an order under linear"),
    ("models.response", "[mnl, linear]", "{price: linear}", "no curve for feature"),
    ("models.response.feature", "[mnl, linear]", "{price: linear, feature: mnl}", "'mnl'"),
    ("models.response.link", "[mnl, linear]", "{price: linear, feature: linear, link: ces}", "'ces'"),
    ("models.response.0", "[mnl, linear]", "[{family: mnl, link: exp}]", "a link beside a family"),
    ("models.response.own", "[mnl, linear]", "{family: mnl, own: prise}", "'prise'"),
    ("models.response.own", "[mnl, linear]", "{family: mnl, own: price}", "without a prior"),
    ("models.response.cross.1", "[mnl, linear]\nfit: {", CROSS.format("[price, price]"), "a second time"),
    ("models.response.cross", "[mnl, linear]\nfit: {", CROSS.format("price.lag1"), "'price.lag1'"),
    ("models.response.lag.prise", "[mnl, linear]", "{family: mnl, lag: {prise: 1}}", "'prise'"),
    ("models.response.lag.price", "[mnl, linear]", "{family: mnl, lag: {price: 0}}", "0"),
    ("models.response", "[mnl, linear]", "{family: ces, lag: {price: 1}}", "under ces"),
    ("fit.priors.price.1", "starts: 4", "starts: 4, priors: {price: [0, 0]}", "0"),
    ("fit.priors.prise.own", "starts: 4", "starts: 4, priors: {prise.own: [0, 1]}", "'prise.own'"),
    ("fit.shrinkage", "starts: 4", "starts: 4, shrinkage: [0.1, 1]", "no priors"),
    ("data.efforts.jump_price", "feature:", "jump_price: feature\n    feature:", "'jump_price'"),
    ("data.efforts.link", "feature:", "link: feature\n    feature:", "'link'"),
    ("data.efforts.a b", "feature:", "a b: feature\n    feature:", "'a b'"),
    ("data.efforts.feature", "feature:", "feature: {column: a, formula: b}", "both column and formula"),
    ("data.efforts.price.formula", "log(price / market_mean(price))", "'lag(price, 1, 2)'", "lag"),
    ("data.efforts.price.kind", "{formula:", "{kind: rate, formula:", "'rate'"),
    ("data.filter", "time: week", "time: week\n  filter: week >", "'week >'"),
    ("data.file", "sales.csv", "sales", "'sales'"),
    ("data.firm", "firm: firm", "firm: market", "'market'"),
    ("data.reference_sales", "time: week", "time: week\n  reference_sales: -1", "-1"),
    ("data.markets", "time: week", "time: week\n  markets: 1.5", "1.5"),
    ("data.firm", "  firm: firm\n", "", "nothing"),
    ("validation.holdout", "store:", "validation: {baselines: last}\nstore:", "0"),
    ("validation.baselines.1", "store:", "validation: {holdout: 0.2, baselines: [last, x]}\nstore:", "'x'"),
    ("validation.origins", "store:", "validation: {holdout: 0.2, horizon: 4}\nstore:", "0"),
    ("validation.holdout", "store:", "validation: {holdout: 1.0}\nstore:", "1"),
    ("cluster.workers", "store:", "cluster: {kind: serial, workers: 2}\nstore:", "'workers'"),
    ("cluster.address", "store:", "cluster: {kind: address}\nstore:", "nothing"),
    ("cluster.address", "store:", "cluster: {kind: address, address: host:1}\nstore:", "'host:1'"),
    ("cluster.tls", "store:", "cluster: {kind: address, address: 'tls://host:1'}\nstore:", "nothing"),
    ("curves.hill", "store:", "curves: {hill: {formula: a * u, parameters: {a: {}}}}\nstore:", "'hill'"),
    ("curves.own.formula", "store:", "curves: {own: {formula: a * v, parameters: {a: {}}}}\nstore:", "'v'"),
    ("curves.own.formula", "store:", "curves: {own: {formula: u, parameters: {a: {}}}}\nstore:", "without"),
    (
        "curves.own.parameters.a.start",
        "store:",
        "curves: {own: {formula: a * u, parameters: {a: {start: 3, maximum: 2}}}}\nstore:",
        "3",
    ),
    ("simulate", "store:", SIMULATE + "store:", "both data and simulate"),
    ("seed", "store:", "seed: -1\nstore:", "-1"),
    ("study", "study: small", "study: a/b", "'a/b'"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "old", "new", "got"), ONE_PROBLEM)
def test_one_thing_wrong_is_one_problem_at_its_key(folder, key, old, new, got):
    found = problems(folder, (old, new))
    assert list(found) == [key], [str(problem) for problem in found.values()]
    assert got in found[key].got


SIMULATED_PROBLEM = [
    ("simulate.efforts", "feature: {part: 0.5}", "feature: {part: 0.4}", "0.9"),
    ("simulate.firms", "firms: 3", "firms: [a, b, a]", "'a' twice"),
    ("simulate.firms", "firms: 3", "firms: 1", "a list of 1"),
    ("simulate.start", "periods: 10", "periods: 10\n  start: 2024-02-30", "2024-02-30"),
    ("simulate.truth.parameters.feature.n", "feature.n: 2, ", "", "nothing"),
    ("simulate.truth.parameters.feature.n", "feature.n: 2", "feature.n: 0", "0"),
    ("simulate.truth.parameters.feature.m", "feature.n: 2", "feature.n: 2, feature.m: 2", "'feature.m'"),
    ("simulate.truth.parameters.jump_price", "jump_price: 100", "jump_price: 0", "0"),
    ("simulate.truth.response.feature", "hill", "hil", "'hil'"),
]


@pytest.mark.parametrize(("key", "old", "new", "got"), SIMULATED_PROBLEM)
def test_one_thing_wrong_with_a_truth(folder, key, old, new, got):
    found = simulated(folder, (old, new))
    assert list(found) == [key], [str(problem) for problem in found.values()]
    assert got in found[key].got


def test_what_is_allowed_is_not_refused(folder):
    fit = "starts: 4, method: least_squares, loss: huber, fixed: {feature.h: 0.5, constant.A: 1}, "
    fit += "bounds: {price: [null, 0]}, expr: {feature: -2 * price + feature.h}"
    assert (
        problems(
            folder,
            ("starts: 4", fit),
            ("[mnl, linear]", "[linear, {price: own, feature: log, name: mine}]"),
            ("form:", "numeraire: [null, price]\n  exclude: {numeraire: price, response: mine}\n  form:"),
            ("store:", "curves: {own: {formula: a * u ** 3, parameters: {a: {minimum: 0}}}}\nstore:"),
        )
        == {}
    )


def test_boosting_needs_scikit_learn(monkeypatch):
    overrides = ("validation.baselines=[boosting]", "validation.holdout=0.2")
    assert load_study(STUDIES / "small.yaml", overrides).validation.baselines == ("boosting",)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"scikit-learn \(pip install 'beed\[boosting\]'\)"):
        load_study(STUDIES / "small.yaml", overrides)
