"""Parameters of a model on one market as records: names, units, bounds, and where searches start."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from kernels.least_squares.entries import entering_firms
from kernels.response.catalogue import Curve
from kernels.response.response import Response, compose
from pipeline.config.catalogue import SHARED_NAMES
from pipeline.config.parameters import (
    AUTOCORRELATION,
    CONSTANT,
    FIXED_RETURNS,
    GAIN,
    INITIAL,
    JUMP_PRICE,
    RETURNS_TO_SCALE,
    control_parameter,
    effort_parameter,
    entry_parameter,
    firm_parameter,
)
from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.types import Autocorrelation, Gain
from pipeline.config.variants import Variant
from pipeline.models.instruments.first_stage import FirstStage
from pipeline.models.terms import terms_of
from pipeline.panel.market import MarketArrays

_LARGEST_RETURNS = 3.0
# Errors nearer to a random walk than this are told apart from it by no series of our lengths.
_LARGEST_CORRELATION = 0.98
# Further terms are small beside the curves; this also keeps exp(f) finite at random starts.
_TERM_BOX = 0.1
# Errors of first shares are as small as all others.
_ENTRY_BOX = 0.1
# What a first share of 0 starts from, beside the smallest one that is seen.
_SMALL_SHARE = 0.1


class MarketParameter(NamedTuple):
    """A parameter of a market model: natural units, bounds, and where searches start."""

    name: str
    unit: str
    lower: float
    upper: float
    start: float
    low: float
    high: float
    vary: bool

    def held(self, value: float) -> "MarketParameter":
        """Hold the parameter at a value."""
        return self._replace(start=value, low=value, high=value, vary=False)

    def within(self, lower: float | None, upper: float | None) -> "MarketParameter":
        """Put the parameter inside further bounds; its sampling box moves inside too."""
        low = self.lower if lower is None else lower
        high = self.upper if upper is None else upper
        start, box_low, box_high = (float(np.clip(v, low, high)) for v in (self.start, self.low, self.high))
        if box_low == box_high:
            # The box lay outside: sample where the bounds allow, as wide as it was.
            width = self.high - self.low
            box_low, box_high = max(low, box_low - width), min(high, box_high + width)
        return self._replace(lower=low, upper=high, start=start, low=box_low, high=box_high)


def market_parameters(
    variant: Variant,
    response: Response,
    market: MarketArrays,
    efforts: tuple[str, ...],
    fit: FitSection,
    reference_sales: float,
    stages: Sequence[FirstStage] = (),
) -> tuple[MarketParameter, ...]:
    """List all parameters of a model on one market, in the order of the kernels.

    Parameters
    ----------
    variant : Variant
    response : Response
        Composed for this market.
    market : MarketArrays
        Periods to fit; constants of firms that are in none of them are held.
    efforts : tuple of str
        Names along the effort axis.
    fit : FitSection
        Fixed parameters, bounds and initial state.
    reference_sales : float
        Scale of the market, currency per period.
    stages : sequence of FirstStage
        Of endogenous efforts.

    Returns
    -------
    tuple of MarketParameter
        Response parameters, M, gamma, gain, initial log-ratios and errors of entry shares where they are
        estimated, coefficients of controls, and the autocorrelation of the errors where there is one.
    """
    quantities = [
        *_response_quantities(variant, response, market, efforts),
        _jump_price(variant, reference_sales),
        _returns_to_scale(variant),
        _gain(variant.gain_under(fit)),
        *((*_initial_shares(market), *_entries(market)) if fit.initial == "estimated" else ()),
        *map(_control, stages),
        *_autocorrelation(variant.autocorrelation_under(fit)),
    ]
    if variant.numeraire is not None:
        quantities = [q.held(1.0) if q.name == variant.numeraire else q for q in quantities]
    if not (fit.bounds or fit.fixed):
        return tuple(quantities)
    return tuple(_customised(quantity, fit) for quantity in quantities)


def _customised(quantity: MarketParameter, fit: FitSection) -> MarketParameter:
    if quantity.name in fit.bounds:
        quantity = quantity.within(*fit.bounds[quantity.name])
    if quantity.name in fit.fixed:
        quantity = quantity.held(fit.fixed[quantity.name])
    return quantity


def _jump_price(variant: Variant, reference_sales: float) -> MarketParameter:
    """M: fixed at one period's reference sales, or estimated where an effort is the numeraire."""
    m = MarketParameter(
        JUMP_PRICE,
        "currency",
        1e-6 * reference_sales,
        1e6 * reference_sales,
        reference_sales,
        0.1 * reference_sales,
        10.0 * reference_sales,
        True,
    )
    return m if variant.numeraire is not None else m.held(reference_sales)


def _returns_to_scale(variant: Variant) -> MarketParameter:
    gamma = MarketParameter(RETURNS_TO_SCALE, "1", 0.0, _LARGEST_RETURNS, 0.5, 0.05, 1.2, True)
    return gamma.held(FIXED_RETURNS[variant.form]) if variant.form in FIXED_RETURNS else gamma


def _gain(asked: Gain) -> MarketParameter:
    gain = MarketParameter(GAIN, "1", 0.0, 1.0, 0.2, 0.02, 0.8, True)
    return gain if asked == "estimated" else gain.held(float(asked))


def _autocorrelation(asked: Autocorrelation) -> tuple[MarketParameter, ...]:
    """List the autocorrelation of the errors; none where it is 0."""
    if asked == 0.0:
        return ()
    rho = MarketParameter(
        AUTOCORRELATION, "1", -_LARGEST_CORRELATION, _LARGEST_CORRELATION, 0.0, -0.2, 0.8, True
    )
    return (rho if asked == "estimated" else rho.held(float(asked)),)


def _control(stage: FirstStage) -> MarketParameter:
    """Coefficient of what instruments leave of an effort: as sizeable as log shares may move with it."""
    unit = 1.0 / float(np.std(stage.control[stage.control != 0.0]))
    return MarketParameter(
        control_parameter(stage.effort), "1", -100.0 * unit, 100.0 * unit, 0.0, -0.5 * unit, 0.5 * unit, True
    )


def _initial_shares(market: MarketArrays) -> list[MarketParameter]:
    """Log-ratios to one firm at the start of the first period, around those observed at its end.

    That firm is the last one there. Its own ratio is held where another one follows it among the firms, and
    so are those of firms that come later: nothing depends on them. A share of 0 is taken as a small one.
    """
    first = market.share[0]
    present = market.active[0] & np.isfinite(first)
    if not present.any():
        return [
            MarketParameter(f"{INITIAL}.{firm}", "1", -50.0, 50.0, 0.0, 0.0, 0.0, False)
            for firm in market.firms[:-1]
        ]
    seen = first[present]
    smallest = seen[seen > 0.0].min()
    share = np.maximum(np.where(present, first, smallest), _SMALL_SHARE * smallest)
    reference = int(np.flatnonzero(present)[-1])
    ratio = np.where(present, np.log(share / share[reference]), 0.0)
    present[reference] = False
    return [
        MarketParameter(f"{INITIAL}.{firm}", "1", -50.0, 50.0, value, value - 0.5, value + 0.5, vary)
        for firm, value, vary in zip(
            market.firms[:-1].tolist(), ratio.tolist(), present.tolist(), strict=False
        )
    ]


def _entries(market: MarketArrays) -> list[MarketParameter]:
    """Errors of the first shares of firms that enter, in time and then in the order of firms.

    A share of 0 stays what it is, whatever its logarithm is off by.
    """
    if market.active.all():
        return []
    found, times = [], dict.fromkeys(range(market.firms.size), 0)
    for period, firm in np.argwhere(entering_firms(market.active)).tolist():
        times[firm] += 1
        name = entry_parameter(str(market.firms[firm]), times[firm])
        seen = bool(market.share[period, firm] > 0.0)
        found.append(MarketParameter(name, "1", -50.0, 50.0, 0.0, -_ENTRY_BOX, _ENTRY_BOX, seen))
    return found


def _response_quantities(
    variant: Variant, response: Response, market: MarketArrays, efforts: tuple[str, ...]
) -> list[MarketParameter]:
    move = None
    quantities = []
    for p in response.parameters:
        name = SHARED_NAMES.get(p.name, p.name)
        start, low, high = p.start, p.low, p.high
        if p.effort is not None:
            name = effort_parameter(efforts[p.effort], p.name)
            if efforts[p.effort] not in variant.response.curves:
                # A further term corrects the curves: the search starts without it.
                start, low, high = 0.0, -_TERM_BOX, _TERM_BOX
        quantity = MarketParameter(name, p.unit, p.minimum, p.maximum, start, low, high, p.vary)
        if p.name == CONSTANT:
            move = move or _constants(variant, market)
            quantity = move(p.firm, quantity)
        quantities.append(quantity)
    return quantities


def _constants(
    variant: Variant, market: MarketArrays
) -> Callable[[int | None, MarketParameter], MarketParameter]:
    """Rule that moves the starts of firm constants, which suit equal firms, to where mean shares differ."""
    share = np.where(market.active & (market.share > 0.0), market.share, np.nan)
    seen = np.isfinite(share).any(axis=0)
    log_mean = np.array(
        [
            np.log(column[np.isfinite(column)]).mean() if any_ else 0.0
            for column, any_ in zip(share.T, seen, strict=True)
        ]
    )
    log_mean[~seen] = np.median(log_mean[seen])
    mean = np.exp(log_mean) / np.exp(log_mean).sum()

    def rule(firm: int | None, quantity: MarketParameter) -> MarketParameter:
        if firm is None:
            return quantity
        shift = 0.0
        if variant.firm_effects == "free":
            additive = variant.response.link == "identity"
            # Half of f comes from the constants at the start of the search; see `kernels.response`.
            shift = (
                0.5 * (mean[firm] - 1.0 / mean.size) if additive else log_mean[firm] - log_mean[seen].mean()
            )
        value, low, high = (
            float(np.clip(v + shift, quantity.lower, quantity.upper))
            for v in (quantity.start, quantity.low, quantity.high)
        )
        name = firm_parameter(market.firms[firm])
        own = quantity._replace(name=name, start=value, low=low, high=high)
        return own if seen[firm] else own.held(value)

    return rule


def compose_response(
    variant: Variant, market: MarketArrays, efforts: tuple[str, ...], curves: Mapping[str, Curve]
) -> Response:
    """Compose the market function of a variant for one market that has the inputs of all its terms.

    Raises
    ------
    kernels.response.response.ResponseError
        An effort lies outside the domain of its curve.
    ValueError
        The variant has further terms, and `terms.with_terms` has not given the market their inputs.
    """
    expected = len(variant.response.curves) + len(terms_of(variant, market))
    if len(efforts) != expected:
        raise ValueError(
            f"Got {len(efforts)} inputs for the model {variant.name}, which has {expected}; "
            "prepare the market by pipeline.models.terms.with_terms."
        )
    choice = variant.response
    # What is no effort of the study is a further term, linear by definition: see `pipeline.models.terms`.
    chosen = [choice.curves.get(name, "linear") for name in efforts]
    return compose(
        [curves.get(curve, curve) for curve in chosen],
        efforts=np.ascontiguousarray(np.where(market.active, market.efforts, 0.0)),
        active=np.ascontiguousarray(market.active),
        link=choice.link,
        effects=variant.firm_effects,
        carry_over=[variant.carry_over.get(name, "none") for name in efforts],
        order=[efforts.index(name) for name in choice.order] if choice.order else None,
        names=efforts,
    )
