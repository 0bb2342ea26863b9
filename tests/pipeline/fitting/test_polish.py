import lmfit
import numpy as np
import pytest

from pipeline.fitting.polish import Polished, PolishSettings, polish


class Decay:
    """Exponential decay with an offset: y = a exp(-b x) + c."""

    names = ("a", "rate.b", "offset c")

    def __init__(self, upper=(np.inf, np.inf, np.inf), vary=(True, True, True), noise=0.01):
        self.x = np.linspace(0.0, 4.0, 60)
        rng = np.random.default_rng(3)
        self.y = 2.0 * np.exp(-1.3 * self.x) + 0.4 + noise * rng.normal(size=60)
        self.lower, self.upper = np.array([-np.inf, 0.0, -np.inf]), np.array(upper)
        self.low, self.high = np.array([0.5, 0.1, -1.0]), np.array([4.0, 4.0, 1.0])
        self.vary = np.array(vary)

    def residual(self, theta):
        return theta[0] * np.exp(-theta[1] * self.x) + theta[2] - self.y if theta[1] < 50 else None

    def jacobian(self, theta):
        decay = np.exp(-theta[1] * self.x)
        return np.array([decay, -theta[0] * self.x * decay, np.ones(60)])[self.vary]


START = np.array([1.0, 1.0, 0.0])


def optimum():
    def residual(p):
        return Decay().residual(np.array([p["a"].value, p["b"].value, p["c"].value]))

    parameters = lmfit.create_params(a=1.0, b=1.0, c=0.0)
    result = lmfit.minimize(residual, parameters, ftol=1e-14, xtol=1e-14)
    return np.array([result.params[name].value for name in "abc"])


@pytest.mark.parametrize("method", ["leastsq", "least_squares"])
def test_reaches_the_optimum_of_plain_lmfit(method):
    polished = polish(Decay(), START, PolishSettings(method))
    assert isinstance(polished, Polished)
    assert polished.converged
    np.testing.assert_allclose(polished.theta, optimum(), rtol=1e-6)
    assert polished.evaluations < 40


@pytest.mark.parametrize("method", ["nelder", "powell", "differential_evolution"])
def test_methods_without_a_jacobian_get_there_too(method):
    polished = polish(
        Decay(upper=(5.0, 5.0, 5.0)), START, PolishSettings(method, max_evaluations=20_000, seed=1)
    )
    np.testing.assert_allclose(polished.theta, optimum(), rtol=1e-3)


def test_a_stochastic_method_repeats_itself_with_its_seed():
    settings = PolishSettings("differential_evolution", max_evaluations=20_000, seed=4)
    first, second = (polish(Decay(), START, settings).theta for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_bounds_and_fixed_parameters_are_respected():
    polished = polish(Decay(upper=(1.5, np.inf, np.inf)), START, PolishSettings())
    assert polished.theta[0] == pytest.approx(1.5)
    fixed = polish(Decay(vary=(True, False, True)), np.array([1.0, 1.1, 0.0]), PolishSettings())
    assert fixed.theta[1] == 1.1


def test_expressions_tie_parameters_and_the_jacobian_follows():
    settings = PolishSettings(expr={"offset c": "a / 5 + 0 * rate.b"})
    polished = polish(Decay(), START, settings)
    assert polished.converged
    assert polished.theta[2] == pytest.approx(polished.theta[0] / 5, rel=1e-12)
    slow = polish(Decay(), START, PolishSettings("nelder", expr=settings.expr, max_evaluations=5000))
    np.testing.assert_allclose(polished.theta, slow.theta, rtol=1e-3)


def test_a_robust_loss_shrugs_off_an_outlier():
    problem = Decay()
    problem.y[30] += 5.0
    plain = polish(problem, START, PolishSettings("least_squares")).theta
    robust = polish(problem, START, PolishSettings("least_squares", loss="soft_l1")).theta
    truth = np.array([2.0, 1.3, 0.4])
    assert np.abs(robust - truth).max() < np.abs(plain - truth).max()


def test_running_out_of_evaluations_is_told():
    polished = polish(Decay(), START, PolishSettings("nelder", max_evaluations=8))
    assert not polished.converged


def test_a_model_that_cannot_be_evaluated_refuses_the_step():
    problem = Decay()
    polished = polish(problem, np.array([1.0, 49.0, 0.0]), PolishSettings("nelder", max_evaluations=3000))
    assert np.isfinite(polished.theta).all()
    assert polished.theta[1] < 50
