"""Plans: stable tasks and seeds, whole chunks, honest counts, and what the data cannot tell."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from pipeline.config.study import Study
from pipeline.errors import PlanError
from pipeline.seeds import fit_seed
from pipeline.store.format.layout import ModelLayout, ParameterLabel
from pipeline.sweep.before.cost import readable_bytes, readable_seconds, refuse_disk, refuse_memory
from pipeline.sweep.plan import plan


def make_study(**changes):
    content = {
        "study": "test",
        "data": {
            "file": "panel.csv",
            "market": "store",
            "firm": "brand",
            "time": "week",
            "sales": "sales",
            "efforts": {"price": {"kind": "index"}, "deal": {"kind": "index"}},
        },
        "models": {"form": ["investment", "proportional"], "response": ["linear", "mnl"]},
        "store": "runs/test",
        "seed": 7,
    }
    return Study.model_validate(content | changes)


class FakePanel:
    content_hash = "d" * 64
    n_experiments = 0
    efforts = ("price", "deal")

    def __init__(self, markets=20, firms=4, periods=30):
        random = np.random.default_rng(3)
        self.markets = list(range(100, 100 + markets))
        self.firms = [f"firm {i}" for i in range(firms)]
        self.times = np.arange(periods)
        self.sales = random.uniform(1, 2, (markets, firms, periods))
        self.efforts_values = random.uniform(0, 1, (markets, firms, 2, periods))
        self.loaded = 0

    def blocks(self, size):
        for start in range(0, len(self.markets), size):
            yield self.load(slice(start, start + size))

    def load(self, rows):
        markets = self.markets[rows]
        self.loaded += len(markets)
        return xr.Dataset(
            {
                "sales": (("market", "firm", "time"), self.sales[rows]),
                "efforts": (("market", "firm", "effort", "time"), self.efforts_values[rows]),
            },
            coords={"market": markets, "firm": self.firms, "effort": list(self.efforts), "time": self.times},
        )


def describe(variant):
    return ModelLayout(variant.name, (ParameterLabel("price"), ParameterLabel("deal")))


def count(variant, firms):
    return 2 + (firms if variant.firm_effects == "free" else 0)


def make_plan(study=None, panel=None, **options):
    return plan(study or make_study(), panel or FakePanel(), describe=describe, columns=count, **options)


def covered(tasks, model):
    return [market for task in tasks if task.model == model for market in range(task.start, task.stop)]


@pytest.mark.parametrize("chunk", [None, 1, 3, 7, 20, 500])
def test_tasks_cover_every_market_once_in_whole_chunks(chunk):
    planned = make_plan(chunk=chunk)
    size = planned.layout.chunk
    for model in planned.models:
        assert sorted(covered(planned.tasks, model.variant.name)) == list(range(20))
    for task in planned.tasks:
        assert task.start % size == 0
        assert task.stop % size == 0 or task.stop == 20
    assert len({task.id for task in planned.tasks}) == len(planned.tasks)
    assert planned.fits == 20 * 4


def test_plan_is_pure():
    assert make_plan().tasks == make_plan().tasks


def test_only_pending_chunks_get_tasks():
    planned = make_plan(chunk=3)
    tasks = planned.tasks_for({"investment-mnl": [0, 1, 4]})
    assert covered(tasks, "investment-mnl") == [0, 1, 2, 3, 4, 5, 12, 13, 14]
    assert {task.model for task in tasks} == {"investment-mnl"}


def test_tasks_take_about_a_second():
    planned = make_plan(make_study(fit={"starts": 64}), FakePanel(markets=3000), check=False)
    cost = {model.variant.name: model.seconds_per_fit for model in planned.models}
    seconds = [task.markets * cost[task.model] for task in planned.tasks if task.stop < 3000]
    assert min(seconds) > 0.3
    assert max(seconds) < 2


def test_windows_and_baselines_are_planned():
    study = make_study(validation={"holdout": 0.2, "baselines": ["last", "mean"]})
    planned = make_plan(study)
    assert planned.layout.windows == ("all", "holdout")
    assert planned.fits == 20 * 4 * 2
    assert sorted(covered(planned.tasks, "last")) == list(range(20))
    assert "rmse" in planned.layout.metrics


def test_another_study_or_other_data_is_another_sweep():
    first = make_plan()
    assert make_plan(make_study(fit={"starts": 17})).sweep != first.sweep
    assert make_plan(make_study(cluster={"kind": "serial"})).sweep == first.sweep
    other = FakePanel()
    other.content_hash = "e" * 64
    assert make_plan(panel=other).sweep != first.sweep


def test_seed_belongs_to_market_and_model_alone():
    state = fit_seed(7, "investment-mnl", 5).generate_state(4).tolist()
    assert state == fit_seed(7, "investment-mnl", "5").generate_state(4).tolist()
    others = [(8, "investment-mnl", 5), (7, "investment-mci", 5), (7, "investment-mnl", 6)]
    assert all(fit_seed(*other).generate_state(4).tolist() != state for other in others)


def test_seeds_never_change():
    """Stored results stay reproducible only as long as these numbers stay."""
    assert fit_seed(0, "investment-mnl", 5).generate_state(2).tolist() == SEEDS


SEEDS = [4203231556, 2453569252]


def test_effort_equal_across_firms_is_caught_where_it_matters():
    panel = FakePanel()
    panel.efforts_values[2:5, :, 1] = panel.efforts_values[2:5, :1, 1]
    (warning,) = make_plan(panel=panel).warnings
    assert (warning.kind, warning.effort, warning.markets, warning.example) == ("equal", "deal", 3, 102)
    assert warning.models == ("proportional-linear",)
    assert "'deal' is equal across firms" in str(warning)
    assert "in 3 of 20 markets (the first is 102)" in str(warning)


def test_equality_among_the_firms_present_counts():
    panel = FakePanel(firms=3)
    panel.efforts_values[0, :, 1] = panel.efforts_values[0, :1, 1]
    panel.efforts_values[0, 2, 1] = 5.0
    panel.sales[0, 2] = np.nan
    panel.efforts_values[0, 2] = np.nan
    warnings = make_plan(panel=panel).warnings
    assert [(warning.kind, warning.markets) for warning in warnings] == [("equal", 1)]


def test_effort_constant_within_firms_collides_with_firm_effects():
    panel = FakePanel()
    panel.efforts_values[:, :, 0] = panel.efforts_values[:, :, 0, :1]
    (warning,) = make_plan(panel=panel).warnings
    assert (warning.kind, warning.effort, warning.markets) == ("constant", "price", 20)
    assert len(warning.models) == 4
    assert "in all 20 markets" in str(warning)
    without = make_study(models={"form": "investment", "response": "linear", "firm_effects": "none"})
    assert make_plan(without, panel).warnings == ()


def test_flat_effort_collides_with_the_constant():
    panel = FakePanel()
    panel.efforts_values[0, :, 0] = 0.25
    study = make_study(models={"form": "investment", "response": "linear", "firm_effects": "constant"})
    assert [warning.kind for warning in make_plan(study, panel).warnings] == ["flat"]


def test_more_parameters_than_residuals():
    panel = FakePanel(markets=2, firms=4, periods=6)
    panel.sales[1, :, 1:] = np.nan  # one period of three residuals is left
    warnings = [warning for warning in make_plan(panel=panel).warnings if warning.kind == "few"]
    assert {(warning.markets, warning.example, warning.detail) for warning in warnings} == {
        (1, 101, "3 residuals, 6 parameters"),
        (1, 101, "3 residuals, 5 parameters"),
    } or all("3 residuals" in warning.detail for warning in warnings)
    assert len(warnings) == 3  # zero-sum effects of the additive proportional form need fewer


def test_structure_is_checked_in_bounded_blocks(monkeypatch):
    panel = FakePanel()
    panel.efforts_values[19, :, 1] = panel.efforts_values[19, :1, 1]
    monkeypatch.setattr("pipeline.sweep.plan.BLOCK_BYTES", 1)
    (warning,) = make_plan(panel=panel).warnings
    assert warning.example == 119
    assert panel.loaded == 20


def test_disk_too_small_is_refused_before_work(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=10**6))
    refuse_disk(10**6, str(tmp_path / "not" / "there"))
    refuse_disk(10**12, "s3://bucket/runs")
    with pytest.raises(PlanError, match=r"need about 2 MB in .* 1 MB free"):
        refuse_disk(2 * 10**6, str(tmp_path / "not" / "there"))


def test_memory_too_small_is_refused_with_a_remedy():
    refuse_memory(10**9, 4, 4 * 10**9)
    with pytest.raises(PlanError, match=r"Run with --workers 3\."):
        refuse_memory(10**9, 4, 3 * 10**9 + 5)
    with pytest.raises(PlanError, match="Split the panel"):
        refuse_memory(10**9, 1, 10**8)


@pytest.mark.parametrize(
    ("value", "text"), [(0.25, "0.25 s"), (59, "59 s"), (200, "3 min 20 s"), (18600, "5 h 10 min")]
)
def test_seconds_are_readable(value, text):
    assert readable_seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(12, "12 B"), (1234, "1.23 kB"), (5e6, "5 MB"), (7.5e12, "7.5 TB")]
)
def test_bytes_are_readable(value, text):
    assert readable_bytes(value) == text
