"""Bands of outcomes: rivals off their strategies as they were in the past, parameters as far as known."""

from dataclasses import replace

import numpy as np
from plain_market import plain_market, steady_total

from pipeline.config.sections.game import GameDraws, GameSettings
from pipeline.games.bands import outcome_bands
from pipeline.games.setup import set_up_game

X, MARGIN = 50.0, 0.4


def contest(history, covariance=None):
    """f = E / X_ref: shares in proportion to money, payoff m X share - E."""
    market = plain_market(
        [0.5, 0.5], history, kinds=["amount"], theta=np.array([1.0]), horizon=8, covariance=covariance
    )
    settings = GameSettings.model_validate({"margin": MARGIN, "bounds": {"e0": [0.0, 40.0]}})
    model, present = set_up_game(market, settings, steady_total(market, X))
    return model, market, present


def bands(model, market, profile, **given):
    draws = GameDraws.model_validate({"draws": 400, "parameters": False} | given)
    return outcome_bands(model, market, [profile], draws, np.random.default_rng(1))[0]


def test_rivals_are_off_as_they_were_and_the_firm_itself_is_not():
    """A's payoff moves with B's money alone, over stretches of a quarter of the past (here 10 of 40)."""
    history = np.stack([np.full(40, 0.1), np.random.default_rng(2).uniform(0.05, 0.2, 40)], axis=1)[None]
    model, market, _ = contest(history)
    profile = np.array([[5.0, 6.0]])
    found = bands(model, market, profile)
    wrapped = np.concatenate([history[0, :, 1], history[0, :, 1]])
    stretch = np.array([wrapped[t : t + 10].mean() for t in range(40)])
    money = 6.0 + X * (stretch - history[0, :, 1].mean())
    share = 5.0 / (5.0 + money)
    np.testing.assert_allclose(found.share[:, 0], np.quantile(share, [0.05, 0.95]), atol=0.01)
    payoff = MARGIN * X * share - 5.0
    np.testing.assert_allclose(found.payoff[:, 0], np.quantile(payoff, [0.05, 0.95]), atol=0.2)
    # A never varied, so B knows what it gets.
    np.testing.assert_allclose(found.share[:, 1], 6.0 / 11.0)
    certain = bands(model, market, profile, efforts=False, draws=3)
    np.testing.assert_allclose(certain.share[0], certain.share[1])


def test_bands_widen_with_what_rivals_did():
    """A share of a half moves by a quarter of the relative change of the rival's money."""
    unit, width = np.random.default_rng(3).normal(0.0, 1.0, (1, 40, 2)), []
    for noise in (0.002, 0.006):
        model, market, _ = contest(0.1 + noise * unit)
        found = bands(model, market, np.full((1, 2), 5.0))
        width.append(found.share[1] - found.share[0])
    np.testing.assert_allclose(width[1], 3.0 * width[0], rtol=0.05)


def test_parameters_are_in_the_bands():
    """With f = exp(beta u) a share at rest is that of the logit; beta is drawn as its covariance says."""
    covariance = np.zeros((3, 3))
    covariance[0, 0] = 0.5**2
    market = plain_market(
        [0.5, 0.5], [[0.1, 0.1]], kinds=["amount"], link="exp", theta=np.array([4.0]), covariance=covariance
    )
    settings = GameSettings.model_validate({"margin": MARGIN, "bounds": {"e0": [0.0, 40.0]}})
    model, _ = set_up_game(market, settings, steady_total(market, X))
    profile = X * np.array([[0.3, 0.1]])
    found = bands(model, replace(market, covariance=covariance), profile, parameters=True, efforts=False)
    beta = 4.0 + 0.5 * np.array([-1.645, 1.645])
    np.testing.assert_allclose(found.share[:, 0], 1 / (1 + np.exp(-0.2 * beta)), atol=0.01)
