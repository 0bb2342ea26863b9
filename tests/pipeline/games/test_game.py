"""Equilibria against closed forms of the Lanchester duopoly; answers that no firm can improve on."""

import numpy as np
import pytest
from plain_market import plain_market, steady_total

from pipeline.config.sections.game import GameSettings
from pipeline.errors import PlanError
from pipeline.games.game import play_market
from pipeline.games.setup import set_up_game

X = 50.0


def settings(**given):
    return GameSettings.model_validate({"bounds": {"e0": [0.0, 40.0]}, "starts": 2} | given)


def equilibrium(market, total=X, **given):
    game = play_market(market, settings(**given), steady_total(market, total))
    best = game.equilibria[0]
    assert best.converged, best
    assert best.regret.max() <= 1e-7 * X
    return game, best


def test_amounts_symmetric_duopoly():
    """f = β E / X_ref: share E1 / (E1 + E2), payoff m X share - E, so E = m X / 4 (Tullock contest)."""
    market = plain_market([0.5, 0.5], [[0.1, 0.1]], kinds=["amount"])
    game, best = equilibrium(market, margin=0.4)
    np.testing.assert_allclose(best.strategies, [[0.4 * X / 4] * 2], rtol=1e-5)
    np.testing.assert_allclose(best.outcome.share, 0.5, rtol=1e-6)
    np.testing.assert_allclose(best.outcome.payoff, 0.4 * X / 4, rtol=1e-6)
    assert best.starts == game.starts == 2


def test_amounts_asymmetric_duopoly():
    """Shares in proportion to β m; budgets m_i X share_1 share_2, whatever β."""
    market = plain_market(
        [0.3, 0.7],
        [[0.1, 0.0], [0.0, 0.1]],
        beta=[1.5, 1.0],
        kinds=["amount", "amount"],
    )
    # One effort each with a coefficient of its own: the other's stays 0 by its bounds.
    game = play_market(
        market,
        GameSettings.model_validate(
            {"margin": {"A": 0.2, "B": 0.5}, "bounds": {"e0": [0, 30], "e1": [0, 30]}, "starts": 1}
        ),
        steady_total(market, X),
    )
    # Both may use both efforts; A's and B's best one is e0, three halves as strong.
    share = np.array([0.2, 0.5]) / 0.7
    best = game.equilibria[0]
    np.testing.assert_allclose(best.outcome.share, share, rtol=1e-4)
    np.testing.assert_allclose(best.strategies[0], np.array([0.2, 0.5]) * X * share.prod(), rtol=1e-4)
    np.testing.assert_allclose(best.strategies[1], 0.0, atol=1e-6)


def test_unequal_effectiveness():
    """β_1 = 3 β_2 by exp link and firm constants: the share is β m / Σ β m, budgets m_i X share_1 share_2."""
    market = plain_market(
        [0.5, 0.5],
        [[0.1, 0.1]],
        curves=["ln"],
        link="exp",
        effects="free",
        theta=np.array([1.0, np.log(3.0), 0.0]),
        kinds=["amount"],
    )
    _, best = equilibrium(market, margin={"A": 0.2, "B": 0.4}, bounds={"e0": [1e-3, 40.0]})
    share = np.array([3 * 0.2, 0.4]) / (3 * 0.2 + 0.4)
    np.testing.assert_allclose(best.outcome.share, share, rtol=1e-5)
    np.testing.assert_allclose(best.strategies[0], np.array([0.2, 0.4]) * X * share.prod(), rtol=1e-5)


def test_ratios_set_as_efforts():
    """f = β σ: payoff X share (m - σ), so σ = m share_2 / (1 + share_2): m / 3 when firms are alike."""
    market = plain_market([0.5, 0.5], [[0.1, 0.1]])
    _, best = equilibrium(market, margin=0.3, strategy="efforts", bounds={"e0": [0.0, 0.3]})
    np.testing.assert_allclose(best.strategies, 0.1, rtol=1e-5)
    _, best = equilibrium(market, margin={"A": 0.2, "B": 0.6}, strategy="efforts", bounds={"e0": [0.0, 0.6]})
    sigma, share = best.strategies[0], best.outcome.share
    np.testing.assert_allclose(share, sigma / sigma.sum(), rtol=1e-8)
    np.testing.assert_allclose(sigma, np.array([0.2, 0.6]) * share[::-1] / (1 + share[::-1]), rtol=1e-5)


def test_ratios_set_as_budgets():
    """f = β E / (share X): shares in proportion to sqrt(E), so E = m X share_1 share_2 / 2."""
    market = plain_market([0.5, 0.5], [[0.1, 0.1]])
    _, best = equilibrium(market, margin=0.4)
    np.testing.assert_allclose(best.strategies, 0.4 * X / 8, rtol=1e-5)
    _, best = equilibrium(market, margin={"A": 0.2, "B": 0.4})
    share = best.outcome.share
    np.testing.assert_allclose(best.strategies[0], np.array([0.2, 0.4]) * X * share.prod() / 2, rtol=1e-5)
    np.testing.assert_allclose(share[0] / share[1], np.sqrt(0.5), rtol=1e-5)


def test_increasing_returns_to_scale_of_one_half():
    """γ = 1/2: long-run shares go with f squared, so amounts of m X / 2 in a duopoly of equals."""
    market = plain_market([0.5, 0.5], [[0.1, 0.1]], kinds=["amount"], gamma=0.5)
    _, best = equilibrium(market, margin=0.4)
    np.testing.assert_allclose(best.strategies, 2 * 0.4 * X / 4, rtol=1e-5)


def test_a_long_horizon_comes_near_the_long_run():
    """Shares move by 1 - exp(-Σf): with M a twentieth of X the first periods hardly count."""
    market = plain_market([0.5, 0.5], [[0.1, 0.1]], kinds=["amount"], horizon=60, jump_price=X / 20)
    game, best = equilibrium(market, margin=0.4, horizon=60)
    np.testing.assert_allclose(best.strategies, 0.4 * X / 4, rtol=0.02)
    assert game.outcome.payoff[0] == pytest.approx(60 * (0.4 * X / 2 - 0.1 * X), rel=1e-9)


def test_what_the_present_budgets_lose():
    market = plain_market([0.5, 0.5], [[0.02, 0.3]], kinds=["amount"])
    game, _ = equilibrium(market, margin=0.4)
    # Best responses of the contest: sqrt(m X E_other) - E_other.
    present = np.array([0.02, 0.3]) * X
    answers = np.sqrt(0.4 * X * present[::-1]) - present[::-1]
    np.testing.assert_allclose(game.answers[0], np.maximum(answers, 0), rtol=1e-4, atol=1e-4)
    share = present / present.sum()
    np.testing.assert_allclose(game.outcome.payoff, 0.4 * X * share - present, rtol=1e-9)
    new = answers / (answers + present[::-1])
    np.testing.assert_allclose(game.gain, 0.4 * X * new - answers - game.outcome.payoff, rtol=1e-5)


def test_firms_that_do_not_play_stay():
    market = plain_market([0.3, 0.3, 0.4], [[0.1, 0.1, 0.2]], kinds=["amount"])
    game, best = equilibrium(market, margin=0.4, players=["A", "B"])
    assert best.strategies[0, 2] == 0.2 * X
    assert game.gain[2] == 0.0
    # One firm of a contest against a fixed rival and an equal one: the first-order condition of both.
    own, rest = best.strategies[0, 0], 0.2 * X
    assert 0.4 * X * (own + rest) / (2 * own + rest) ** 2 == pytest.approx(1.0, rel=1e-5)


def test_lock_in_has_no_long_run():
    market = plain_market([0.5, 0.5], [[0.1, 0.1]], gamma=1.0)
    with pytest.raises(PlanError, match="do not come to rest"):
        play_market(market, settings(), steady_total(market, X))


@pytest.mark.parametrize("strategy", ["budgets", "efforts"])
@pytest.mark.parametrize("gamma", [0.0, 0.4])
def test_gradients_of_long_run_payoffs_are_differences(strategy, gamma):
    rng = np.random.default_rng(2)
    market = plain_market(
        [0.2, 0.3, 0.5],
        rng.uniform(0.02, 0.15, (3, 3)),
        curves=["linear", "sqrt", "michaelis_menten"],
        theta=np.array([1.0, 0.5, 0.4, 0.05]),
        kinds=["ratio", "amount", "ratio"],
        gamma=gamma,
    )
    chosen = GameSettings.model_validate({"strategy": strategy, "margin": 0.4})
    model, present = set_up_game(market, chosen, steady_total(market, X))
    for firm in range(3):
        value, slope = model.gradient(present, firm)
        assert value == pytest.approx(model.evaluate(present).payoff[firm], rel=1e-10)
        for effort in range(3):
            step = np.zeros_like(present)
            step[effort, firm] = 1e-5 * present[effort, firm]
            ends = [model.evaluate(present + side * step).payoff[firm] for side in (1, -1)]
            change = (ends[0] - ends[1]) / (2 * step[effort, firm])
            assert slope[effort] == pytest.approx(change, rel=1e-5)


def test_bounds_that_no_steady_strategy_keeps_are_refused():
    market = plain_market([0.5, 0.5], [[0.1, 0.1]], horizon=2)
    crossed = settings(strategy="efforts", bounds={"e0": [[0.0, 0.2], [0.1, 0.3]]})
    with pytest.raises(PlanError, match=r"bounds of e0 are \[0.2, 0.1\]"):
        play_market(market, crossed, steady_total(market, X))
