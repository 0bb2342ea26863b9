"""A small store with known content, made anew wherever a test wants one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from kernels.motion.shares import simulate_shares
from pipeline.config.sections.types import FrozenMapping
from pipeline.config.variants import ResponseChoice, Variant
from pipeline.panel.market import MarketArrays
from pipeline.status import Status
from pipeline.store.format.layout import ModelLayout, ParameterLabel, SweepLayout, pack_statistics
from pipeline.store.store import Store
from pipeline.store.sweep import Sweep
from pipeline.store.writing.chunks import write_chunk

DATA_HASH = "d41d8cd9"
MARKETS = np.array([2, 5, 8, 12, 14, 18, 21])
MODELS = {
    "investment-mnl": ("discount", "deal", "constant.Tropicana"),
    "scaled-hill": ("discount", "discount.h", "returns_to_scale"),
}


@dataclass(frozen=True)
class TinySweep:
    """A store with one sweep over seven markets, chunks of three, and the arrays that belong in it."""

    path: str
    replicates: int = 0
    study_hash: str = "1"
    store: Store = field(init=False)
    sweep: Sweep = field(init=False)

    def __post_init__(self) -> None:
        store = Store.open_or_create(self.path)
        panel = tiny_panel()
        blocks = [panel.isel(market=slice(0, 4)), panel.isel(market=slice(4, 7))]
        store.write_panel(DATA_HASH, blocks, MARKETS, chunk=3)
        object.__setattr__(self, "store", store)
        object.__setattr__(self, "sweep", self.create())

    @property
    def layout(self) -> SweepLayout:
        panel = tiny_panel()
        models = tuple(
            ModelLayout(
                name,
                tuple(ParameterLabel(param, "1") for param in params),
                {
                    "form": name.split("-")[0],
                    "response": name.split("-")[1],
                    "is_truth": name == next(iter(MODELS)),
                },
            )
            for name, params in MODELS.items()
        )
        return SweepLayout(
            markets=MARKETS,
            firms=panel["firm"].values,
            times=panel["time"].values,
            models=models,
            windows=("all", "holdout"),
            n_starts=4,
            n_replicates=self.replicates,
            baselines=("last",),
            metrics=("rmse", "mae"),
            chunk=3,
        )

    def create(self) -> Sweep:
        return self.store.create_sweep(
            study="tiny study",
            study_text="study: tiny study\n",
            study_hash=self.study_hash,
            data_hash=DATA_HASH,
            layout=self.layout,
        )

    def arrays(self, model: str, markets: slice) -> dict[str, np.ndarray]:
        """Results that can be told apart by market, window and parameter."""
        count = markets.stop - markets.start
        label = MARKETS[markets].astype(float)[:, None] * np.ones(2)
        error = np.stack([label, 2 * label], axis=-1)[:, :, np.newaxis]
        if model == "last":
            return {"error": error + 0.5}
        rank = list(MODELS).index(model)
        arrays = self._blank(model, count)
        arrays["value"] += label[..., None] + np.array([0.0, 0.25, 0.5])
        arrays["stderr"] += 0.1
        arrays["correlation"] += np.eye(3)
        arrays["at_bound"][:, :, 1] = rank
        # The first parameter is one that the data say nothing about.
        arrays["direction_strength"][..., 1:] = np.nan
        arrays["direction"][..., 0, 0] = 1.0
        for place in np.ndindex(count, 2):
            arrays["statistic"][place] = pack_statistics(
                {
                    "aic": label[place] * (-1) ** rank,
                    "bic": label[place],
                    "rmse": 0.01,
                    "starts_agree": 3,
                }
            )
        arrays["start_cost"] += np.arange(4.0)
        arrays["share"] += 0.25
        arrays["error"] = error
        arrays["status"] += Status.CONVERGED
        for lost in np.flatnonzero(MARKETS[markets] == 8) if rank else ():
            arrays["status"][lost] = Status.NO_FINITE_START
            for name in ("value", "stderr", "statistic", "share", "direction_strength"):
                arrays[name][lost] = np.nan
        return arrays

    def _blank(self, model: str, count: int) -> dict[str, np.ndarray]:
        layout = self.layout
        sizes = layout.sizes(next(one for one in layout.models if one.name == model))
        variables = layout.variables("fits") + layout.variables("trajectories")
        return {
            variable.name: np.zeros([count] + [sizes[dim] for dim in variable.dims[1:]])
            for variable in variables
        }

    def fill(self, models: tuple[str, ...] = (*MODELS, "last")) -> None:
        """Do all the work there is."""
        forks = [
            write_chunk(self.sweep.fork(), model, markets, self.arrays(model, markets))
            for model in models
            for markets in self.sweep.pending(model)
        ]
        self.sweep.merge_and_commit(forks)


def tiny_panel() -> xr.Dataset:
    """Sales of four firms in seven markets over six weeks; the last firm enters in the third."""
    rng = np.random.default_rng(1)
    sales = rng.uniform(1.0, 2.0, (7, 4, 6))
    sales[:, 3, :2] = np.nan
    return xr.Dataset(
        {
            "sales": (("market", "firm", "time"), sales, {"units": "$ / week", "long_name": "sales"}),
            "efforts": (("market", "firm", "effort", "time"), rng.uniform(0.0, 1.0, (7, 4, 2, 6))),
        },
        coords={
            "market": MARKETS,
            "firm": ["Tropicana", "Minute Maid", "Dominick's", "Florida's Natural"],
            "effort": ["discount", "deal"],
            "time": np.arange("2024-01-01", "2024-02-12", 7, dtype="M8[D]").astype("M8[s]"),
            "unit": ("effort", ["1", "1"]),
            "period": ("time", np.arange(6)),
        },
        attrs={"truth": {"discount": 10.0, "deal": 11.0}},
    )


@pytest.fixture
def tiny(tmp_path: Path) -> TinySweep:
    """An empty sweep."""
    return TinySweep(str(tmp_path / "store"))


@pytest.fixture
def filled(tiny: TinySweep) -> TinySweep:
    """A finished sweep."""
    tiny.fill()
    tiny.sweep.compact()
    tiny.sweep.set_state("done")
    return tiny


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> TinySweep:
    """A finished sweep that many tests read, and none writes to."""
    made = TinySweep(str(tmp_path_factory.mktemp("kept") / "store"))
    made.fill()
    made.sweep.compact()
    made.sweep.set_state("done")
    return made


@pytest.fixture
def make_tiny(tmp_path: Path) -> Callable[..., TinySweep]:
    """Make sweeps elsewhere, or with other settings."""
    return lambda path=None, **settings: TinySweep(str(path or tmp_path / "store"), **settings)


EFFORTS = ("promo", "place")
TRUE_EFFECTS = np.array([0.10, 0.05])
_RETURNS = {"investment": 0.0, "scaled": 0.6, "proportional": 1.0}


def linear_variant(form: str, efforts: tuple[str, ...] = EFFORTS, effects: str = "none") -> Variant:
    """An additive linear model of these efforts."""
    linear = FrozenMapping(dict.fromkeys(efforts, "linear"))
    none = FrozenMapping(dict.fromkeys(efforts, "none"))
    return Variant(
        f"{form}-linear", form, ResponseChoice("linear", "linear", "identity", linear), effects, none
    )


def noisy_market(
    form: str, seed: int, *, firms: int = 3, periods: int = 60, noise: float = 0.03, rho: float = 0.0
) -> MarketArrays:
    """A market whose true coefficients are TRUE_EFFECTS, seen with AR(1) noise in log shares."""
    rng = np.random.default_rng([seed, firms, periods])
    efforts = np.exp(0.6 * rng.standard_normal((2, periods, firms)))
    errors = rng.standard_normal((periods, firms))
    for period in range(1, periods):
        errors[period] = rho * errors[period - 1] + np.sqrt(1.0 - rho**2) * errors[period]
    share = simulate_shares(
        rng.dirichlet(np.full(firms, 20.0)),
        np.tensordot(TRUE_EFFECTS, efforts, axes=1),
        np.ones(periods),
        np.ones(periods),
        jump_price=1.0,
        reference_sales=1.0,
        returns_to_scale=_RETURNS[form],
    )
    seen = share * np.exp(noise * errors)
    return MarketArrays(
        market=seed,
        firms=np.array([f"firm {number}" for number in range(firms)]),
        times=np.arange(periods),
        share=seen / seen.sum(axis=1, keepdims=True),
        total_sales=np.ones(periods),
        duration=np.ones(periods),
        efforts=efforts,
        active=np.ones((periods, firms), dtype=np.bool_),
    )


@pytest.fixture(scope="session")
def markets() -> SimpleNamespace:
    """Makers of models and markets with a known truth."""
    return SimpleNamespace(
        efforts=EFFORTS, truth=TRUE_EFFECTS, returns=_RETURNS, variant=linear_variant, noisy=noisy_market
    )
