"""The same fits by other means: lmfit on the same residual, lmfit with `solve_ivp`, diffrax with scipy."""

import lmfit
import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import least_squares

from kernels.least_squares.batch_inputs import one_market
from kernels.least_squares.residual import (
    make_market_workspace,
    n_rows,
    observed_target,
    prepare_market,
    residual_jacobian,
)


class Residual:
    """Residual and Jacobian of one market as functions of its free parameters, evaluated once a point."""

    def __init__(self, markets, index):
        self._spec, self._gamma_form = markets.spec, markets.gamma_form
        self._market = one_market(markets.data, index)
        self._column = markets.column
        self._free = np.flatnonzero(markets.vary)
        self._theta = markets.starts[index].copy()
        self._none = np.zeros(self._theta.size)
        self._target = observed_target(self._market)
        rows = n_rows(self._market, self._column, self._none)
        self._residual, self._jacobian = np.empty(rows), np.empty((self._free.size, rows))
        self._work = make_market_workspace(self._spec, self._market, self._free.size)
        prepare_market(self._spec, self._market, self._work)
        self._last = None
        self.evaluations = 0

    def _evaluate(self, values):
        if self._last is not None and np.array_equal(self._last, values):
            return
        self._theta[self._free] = values
        status = residual_jacobian(
            self._spec,
            self._market,
            self._target,
            self._none,
            self._none,
            self._gamma_form,
            self._theta,
            self._column,
            self._work,
            self._residual,
            self._jacobian,
        )
        self._last = np.array(values)
        self.evaluations += 1
        if status != 0:
            self._residual[:] = 1e6

    def residual(self, values):
        self._evaluate(values)
        return self._residual.copy()

    def jacobian(self, values):
        self._evaluate(values)
        return self._jacobian.copy()


def lmfit_parameters(markets, index):
    """Free parameters of one market with their starts and bounds."""
    parameters = lmfit.Parameters()
    for p in np.flatnonzero(markets.vary):
        parameters.add(
            f"p{p}", markets.starts[index, p], min=float(markets.lower[p]), max=float(markets.upper[p])
        )
    return parameters


def _values(parameters):
    return np.array([parameter.value for parameter in parameters.values()])


def fit_lmfit(markets, index, method, *, covariance=True, **settings):
    """Fit by lmfit with the package's own residual and Jacobian."""
    model = Residual(markets, index)
    minimizer = lmfit.Minimizer(
        lambda parameters: model.residual(_values(parameters)),
        lmfit_parameters(markets, index),
        calc_covar=covariance,
    )
    if method == "leastsq":
        return minimizer.minimize(
            method="leastsq", Dfun=lambda p: model.jacobian(_values(p)), col_deriv=True, **settings
        )
    return minimizer.minimize(method="least_squares", jac=lambda p: model.jacobian(_values(p)).T, **settings)


def _log_ratios(log_share, xp=np):
    """Isometric log-ratio coordinates of (T, N) log shares in the Helmert basis, one long row."""
    sums = xp.cumsum(log_share, axis=1)[:, :-1]
    k = np.arange(1, log_share.shape[1])
    return (np.sqrt(k / (k + 1.0)) * (sums / k - log_share[:, 1:])).reshape(-1)


def _hill_terms(markets, index):
    """Efforts (K, T, N) and places of beta, h, n in theta, for models written without the package."""
    efforts = markets.data.efforts[index]
    places = np.arange(3 * efforts.shape[0]).reshape(-1, 3)
    return efforts, places


def fit_solve_ivp(markets, index):
    """Fit a proportional market by lmfit, solving the equation by `solve_ivp`, restarted at every period."""
    efforts, places = _hill_terms(markets, index)
    data = one_market(markets.data, index)
    free = np.flatnonzero(markets.vary)
    observed = _log_ratios(np.log(data.share[1:]))
    theta = markets.starts[index].copy()

    def residual(parameters):
        theta[free] = _values(parameters)
        beta, h, n = (theta[places[:, i], np.newaxis, np.newaxis] for i in range(3))
        response = np.sum(beta * efforts**n / (h**n + efforts**n), axis=0)
        rate = data.total_sales / theta[-2]
        share = np.empty(data.share.shape)
        share[0] = data.share[0]
        for t in range(1, share.shape[0]):

            def slope(_, y, f=response[t], kappa=rate[t]):
                flow = f * y
                return kappa * (flow - y * flow.sum())

            share[t] = solve_ivp(slope, (0.0, 1.0), share[t - 1], rtol=1e-8, atol=1e-10).y[:, -1]
        return _log_ratios(np.log(share[1:])) - observed

    return lmfit.minimize(residual, lmfit_parameters(markets, index), method="leastsq")


def diffrax_fitter(markets):
    """Return a function that fits a proportional market by diffrax (forward mode) and scipy's trf."""
    import diffrax
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    free = np.flatnonzero(markets.vary)
    n_times = markets.data.share.shape[1]
    edges = jnp.arange(0.0, n_times)

    def residual(values, theta, efforts, total_sales, first, observed):
        theta = theta.at[free].set(values)
        beta, h, n = (theta[i : 3 * efforts.shape[0] : 3, None, None] for i in range(3))
        response = jnp.sum(beta * efforts**n / (h**n + efforts**n), axis=0)[1:]
        rate = (total_sales / theta[-2])[1:]

        def slope(t, log_share, _):
            week = jnp.clip(jnp.floor(t).astype(int), 0, n_times - 2)
            f = response[week]
            return rate[week] * (f - jnp.sum(f * jnp.exp(log_share)))

        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(slope),
            diffrax.Tsit5(),
            0.0,
            n_times - 1.0,
            1.0,
            jnp.log(first),
            saveat=diffrax.SaveAt(ts=edges[1:]),
            stepsize_controller=diffrax.ClipStepSizeController(
                diffrax.PIDController(rtol=1e-8, atol=1e-10), jump_ts=edges[1:-1]
            ),
            adjoint=diffrax.DirectAdjoint(),
            max_steps=8 * n_times,
        )
        return _log_ratios(solution.ys, jnp) - observed

    value = jax.jit(residual)
    slope = jax.jit(jax.jacfwd(residual))

    def fit(index):
        data = one_market(markets.data, index)
        arguments = tuple(
            jnp.asarray(a)
            for a in (
                markets.starts[index],
                data.efforts,
                data.total_sales,
                data.share[0],
                _log_ratios(np.log(data.share[1:])),
            )
        )
        return least_squares(
            lambda x: np.asarray(value(x, *arguments)),
            markets.starts[index, free],
            jac=lambda x: np.asarray(slope(x, *arguments)),
            bounds=(markets.lower[free], markets.upper[free]),
            x_scale="jac",
        )

    return fit
