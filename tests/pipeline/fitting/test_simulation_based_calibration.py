"""Rank histograms of the truth among draws, over markets whose truth was drawn too.

Where draws describe what is known of a parameter, the rank of its true value among them is uniform (Talts,
Betancourt, Simpson, Vehtari & Gelman 2018). For the posterior, the truth is drawn from its flat prior in the
bounds; replicates of a bootstrap have the property to the accuracy of percentile intervals.
"""

import numpy as np
import pytest
from scipy.stats import chisquare

from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.types import FrozenMapping
from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.config.variants import ResponseChoice, Variant
from pipeline.fitting.calibrate import calibrate_market
from pipeline.fitting.uncertainty.refits.mcmc import sample_posterior
from pipeline.panel.market import MarketArrays

PERIODS, FIRMS, BINS = 40, 3, 8
LARGEST = 0.4
VARIANT = Variant(
    name="proportional",
    form="proportional",
    response=ResponseChoice("r", "r", "identity", FrozenMapping({"u1": "linear", "u2": "linear"})),
    firm_effects="none",
    carry_over=FrozenMapping({"u1": "none", "u2": "none"}),
)
BOUNDS = {"u1": (-LARGEST, LARGEST), "u2": (-LARGEST, LARGEST)}


def draw(seed, *, known_start):
    """A market of its own truth: replicator equation in closed form, white noise on the log-ratios."""
    rng = np.random.default_rng(seed)
    slopes = rng.uniform(-LARGEST, LARGEST, 2)
    efforts = rng.normal(0.0, 0.3, (2, PERIODS, FIRMS))
    growth = np.tensordot(slopes, efforts, axes=1)
    noise = rng.uniform(0.05, 0.2) * rng.normal(size=growth.shape)
    if known_start:
        growth[0] = noise[0] = 0.0
    share = np.exp(np.cumsum(growth, axis=0) + noise)
    ones = np.ones(PERIODS)
    market = MarketArrays(
        market=seed,
        firms=np.array(list("ABC")),
        times=np.arange(PERIODS),
        share=share / share.sum(axis=1, keepdims=True),
        total_sales=ones,
        duration=ones,
        efforts=efforts,
        active=np.ones((PERIODS, FIRMS), bool),
    )
    return market, slopes


def bootstrapped(seed):
    """Replicates, and the truth."""
    market, slopes = draw(seed, known_start=False)
    fit = FitSection(gain=0.0, initial="estimated")
    asked = UncertaintySection(bootstrap=199, scheme="residual", intervals=["bootstrap"])
    record = calibrate_market(
        VARIANT, market, ("u1", "u2"), fit, np.random.SeedSequence(seed), uncertainty=asked
    )
    return record.uncertainty.replicate[:, [record.names.index(name) for name in ("u1", "u2")]], slopes


def sampled(seed):
    """Draws from the posterior, and the truth; slopes and the variance are all that is unknown."""
    market, slopes = draw(seed, known_start=True)
    fit = FitSection(gain=0.0, initial="observed", bounds=BOUNDS)
    record = calibrate_market(VARIANT, market, ("u1", "u2"), fit, np.random.SeedSequence(seed))
    stderr = np.where(record.model.vary, 0.01, np.nan)
    posterior = sample_posterior(record.model, record.theta, stderr, steps=400, burn=100, seed=seed)
    columns = [record.model.names.index(name) for name in ("u1", "u2")]
    return posterior.values[::20, columns], slopes


def ranks(method, count):
    """Fraction of draws below the truth, (count, 2)."""
    found = np.empty((count, 2))
    for seed in range(count):
        draws, truth = method(seed)
        found[seed] = (draws < truth).mean(axis=0)
    return found


@pytest.mark.parametrize(
    ("method", "count"),
    [
        (bootstrapped, 80),
        pytest.param(bootstrapped, 800, marks=pytest.mark.long),
        pytest.param(sampled, 120, marks=pytest.mark.long),
    ],
)
def test_ranks_of_the_truth_are_uniform(method, count):
    if method is sampled:
        pytest.importorskip("emcee")
    for rank in ranks(method, count).T:
        histogram, _ = np.histogram(rank, bins=BINS, range=(0.0, 1.0))
        assert chisquare(histogram).pvalue > 1e-3, histogram


def test_draws_that_are_too_narrow_are_noticed():
    def narrow(seed):
        draws, truth = bootstrapped(seed)
        return draws.mean(axis=0) + 0.5 * (draws - draws.mean(axis=0)), truth

    histogram, _ = np.histogram(ranks(narrow, 80)[:, 0], bins=BINS, range=(0.0, 1.0))
    assert chisquare(histogram).pvalue < 1e-3
