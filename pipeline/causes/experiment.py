"""The test that would tell most of a quantity: which effort, where, by whom, how far."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from kernels.numeric.arrays import Vector
from pipeline.causes.subject import ALL, NEXT, causal_markets, firm_place, period_of
from pipeline.errors import QueryError
from pipeline.forecasting.periods import label_text
from pipeline.models.effects.elasticities import INDEX, lasting_effects, long_run_effects
from pipeline.names import Label, did_you_mean, one_of
from pipeline.results.effects.causal_market import CausalMarket
from pipeline.results.experiments.proposals import Proposal, Quantity, Setting, propose, quantity_slope
from pipeline.results.frames.table import Table
from pipeline.results.opened import require_opened

if TYPE_CHECKING:
    from pipeline.results.results import Results

_EXPECTED = "elasticity:EFFORT (then :long_run or :H, if wanted), coefficient:NAME, plan or plan:holding"
# Of the normal distribution: 95 % lie within so many standard errors.
_NORMAL = 1.96
_COLUMNS = (
    "market", "firm", "effort", "baseline", "changed", "begins", "periods", "lift", "test_stderr", "cost",
    "stderr_now", "stderr_after", "shrinks",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class ProposedExperiments:
    """Tests by what they would tell.

    Attributes
    ----------
    table : Table
        The best test of every market, firm and effort, the most telling first: ``lift`` is the expected
        difference of the mean share, ``test_stderr`` the error that it would be measured with, ``stderr_now``
        and ``stderr_after`` those of the quantity, ``shrinks`` the part by which its interval gets shorter.
    sentences : tuple of str
        The choice in words, and what it supposes.
    """

    table: Table
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExperimentSettings:
    """What a test may be.

    Attributes
    ----------
    periods : int
        How long it lasts.
    date : str
        Its first period; ``next``: right after the data.
    controls : int
        Markets that it is compared with.
    budget : float or None
        Money that it may add or take away, currency.
    prices : mapping
        Currency per period of one unit of an effort of kind index; under a budget one without is left out.
    bounds : mapping
        Least and largest value of efforts; by default what the firm was seen to do.
    """

    periods: int = 8
    date: str = NEXT
    controls: int = 1
    budget: float | None = None
    prices: Mapping[str, float] = field(default_factory=dict)
    bounds: Mapping[str, Sequence[float | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.periods < 1 or self.controls < 1:
            raise QueryError(
                f"Got {self.periods} periods and {self.controls} controls; expected 1 or more of both."
            )
        if self.budget is not None and not self.budget > 0.0:
            raise QueryError(f"Got a budget of {self.budget:g}; expected money, more than 0.")

    def of_market(self, one: CausalMarket) -> Setting:
        """Give what holds in one market."""
        first = period_of(one.fit.arrays.times, self.date, one.market)
        if first < 1:
            raise QueryError(
                f"Got the date {self.date}, the first period of market {one.market}; expected a later one."
            )
        budget = np.inf if self.budget is None else self.budget
        return Setting(first, self.periods, self.controls, self.prices, budget, self.bounds)


@dataclass(frozen=True, slots=True)
class _Found:
    """What there is to test in one market: the quantity there, its variance, the tests."""

    market: CausalMarket
    estimate: float
    variance: float
    proposals: list[Proposal]
    setting: Setting


def propose_experiment(
    results: "Results",
    quantity: str | Callable[[CausalMarket], Quantity],
    settings: ExperimentSettings | None = None,
    *,
    markets: Sequence[Label] | None = None,
    model: str | None = None,
    firm: str | None = None,
    efforts: Sequence[str] | None = None,
) -> ProposedExperiments:
    """Rank the tests that could be made by how much they would shorten the interval of a quantity.

    Parameters
    ----------
    results : Results
        An open store.
    quantity : str or callable
        ``elasticity:EFFORT`` (own, on impact; ``:long_run`` or ``:H`` after it for another horizon), mean
        over periods and firms, or ``coefficient:NAME``. Over several markets, the mean of theirs. For
        anything else, such as `pipeline.budgeting.plan_cost.plan_cost`: a function that takes a market to a
        function of its parameters (P,), a number; sentences call it by its ``name``, and end with its
        ``notes``, where it has them.
    settings : ExperimentSettings, optional
        Length, begin, controls, budget, bounds of the test.
    markets : sequence of labels, optional
        By default all.
    model : str, optional
        As in `pipeline.causes.effects.effects`.
    firm : str, optional
        Who tests, and whose elasticity it is; by default any firm, and the mean of all.
    efforts : sequence of str, optional
        Those that may be tested; by default all.

    Returns
    -------
    ProposedExperiments
        ``table``, the best test first, with its standard error, its cost in currency, and the interval before
        and after; ``sentences`` on the best one.

    Raises
    ------
    QueryError
        A quantity, market, firm, effort or date that the store does not have; no test that could be made.

    Examples
    --------
    >>> import beed
    >>> store = beed.open_store("runs/ledger")
    >>> tests = beed.propose_experiment(store, "elasticity:price", firm="Burabay", efforts=["price"])
    >>> tests.sentences[0]
    'Now: elasticity:price: 0.02..., 95 % interval 0.02... to 0.02... (delta method).'
    """
    require_opened(results)
    settings = settings or ExperimentSettings()
    found: list[_Found] = []
    unknown: list[Label] = []
    for one, _ in causal_markets(results, markets or [ALL], model):
        setting = settings.of_market(one)
        firms = list(range(one.fit.arrays.firms.size)) if firm is None else [firm_place(one, firm)]
        tester = None if firm is None else firms[0]
        value = _quantity(quantity, one, tester) if isinstance(quantity, str) else quantity(one)
        estimate, slope = quantity_slope(one, value)
        if np.isnan(slope).any():
            unknown.append(one.market)
            continue
        proposals = propose(one, slope, setting, firms, _chosen(one, efforts))
        found.append(_Found(one, estimate, float(slope @ slope), proposals, setting))
    table = _ranked(found)
    name = quantity if isinstance(quantity, str) else getattr(quantity, "name", "the quantity")
    if not len(table):
        raise QueryError(_why_none(bool(found), bool(unknown), name, settings))
    sentences = _sentences(table, name, found, settings.controls)
    if unknown:
        listed = ", ".join(map(str, unknown[:5]))
        sentences = (*sentences, f"Left out, as the data say nothing of the quantity there: market {listed}.")
    notes: tuple[str, ...] = getattr(quantity, "notes", ())
    return ProposedExperiments(
        table, (*sentences, *notes, *_without_price(found[0].market, efforts, settings))
    )


def _quantity(text: str, one: CausalMarket, firm: int | None) -> Quantity:
    """Read a quantity as a function of the parameters (P,) of one market."""
    kind, _, name = text.partition(":")
    names = one.fit.problem.names
    if kind == "coefficient":
        if name not in names:
            raise QueryError(
                f"Got the quantity {text!r}; {one.model} has no such parameter: expected {one_of(names)}. "
                f"{did_you_mean(name, names)}".strip()
            )
        place = names.index(name)
        return lambda theta: float(theta[place])
    effort, _, horizon = name.partition(":")
    if kind != "elasticity" or not (horizon in ("", "impact", "long_run") or horizon.isdigit()):
        raise QueryError(f"Got the quantity {text!r}; expected {_EXPECTED}.")
    number, own = _place(one, effort), slice(None) if firm is None else slice(firm, firm + 1)
    periods = int(horizon) if horizon.isdigit() else 1
    last = len(one.fit.arrays.times) - periods + 1
    if not 1 <= periods < last:
        raise QueryError(f"Got a horizon of {periods} periods in {text!r}; expected 1 to {last - 2}.")

    def elasticity(theta: Vector) -> float:
        course = one.course(theta)
        if horizon == "long_run":
            effects = long_run_effects(course, one.kinds, np.arange(1, last))
        else:
            effects = lasting_effects(course, one.kinds, np.arange(1, last), (periods,))[0]
        return float(np.nanmean(np.diagonal(effects[:, number], axis1=1, axis2=2)[:, own]))

    return elasticity


def _place(one: CausalMarket, effort: str) -> int:
    if effort not in one.fit.efforts:
        raise QueryError(f"There is no effort {effort!r}; there are {', '.join(one.fit.efforts)}.")
    return one.fit.efforts.index(effort)


def _chosen(one: CausalMarket, efforts: Sequence[str] | None) -> list[int]:
    return [_place(one, name) for name in efforts] if efforts else list(range(len(one.fit.efforts)))


def _ranked(found: Sequence[_Found]) -> Table:
    """Give the rows of all markets; the quantity is the mean over them."""
    total, count = sum(one.variance for one in found), len(found)
    rows = []
    for place in found:
        one, setting = place.market, place.setting
        times = one.fit.arrays.times
        begins = label_text(times[setting.first]) if setting.first < len(times) else NEXT
        for test in place.proposals:
            now, after = np.sqrt(total) / count, np.sqrt(max(total - test.gain, 0.0)) / count
            who = one.market, one.fit.arrays.firms[test.firm], one.fit.efforts[test.effort]
            what = test.baseline, test.changed, begins, setting.periods, test.lift, test.stderr, test.cost
            shrinks = 1.0 - after / now if now > 0.0 else 0.0
            rows.append((*who, *what, float(now), float(after), float(shrinks)))
    table = Table.from_rows(_COLUMNS, rows)
    return table.sorted("-shrinks") if rows else table


def _sentences(table: Table, quantity: str, found: Sequence[_Found], controls: int) -> tuple[str, ...]:
    one, markets = found[0].market, len(found)
    best = {name: column[0] for name, column in table.columns.items()}
    frequency = str(one.fit.panel["time"].attrs.get("frequency", "1 period"))
    currency = str(one.fit.panel["sales"].attrs.get("units", "currency")).partition(" /")[0]
    when = "right after the data" if best["begins"] == NEXT else f"from {best['begins']}"
    money = "" if np.isnan(best["cost"]) else f" It moves {_written(best['cost'])} {currency}."
    value, half = sum(place.estimate for place in found) / markets, _NORMAL * best["stderr_now"]
    low, high = _written(value - half), _written(value + half)
    of = f"the mean over {markets} markets of " if markets > 1 else ""
    beside = "one control market" if controls == 1 else f"{controls} control markets"
    return (
        f"Now: {of}{quantity}: {_written(value)}, 95 % interval {low} to {high} (delta method).",
        f"Test {best['effort']} of {best['firm']} in market {best['market']}, {when}, for {best['periods']} "
        f"periods of {frequency}: {best['changed']:.4g} in place of {best['baseline']:.4g}.{money}",
        f"The share should move by {best['lift']:+.3g}, measured to ±{best['test_stderr']:.2g}; the standard "
        f"error of {of}{quantity} would fall from {_written(best['stderr_now'], 3)} to "
        f"{_written(best['stderr_after'], 3)}: "
        f"its interval by {best['shrinks']:.0%}.",
        f"That supposes {beside} with errors as large as those of this one and independent of them, all "
        "other efforts as in the data (after it, as in its last period), and a model that is right.",
    )


def _written(number: float, digits: int = 4) -> str:
    """Write a number, money and the like in full."""
    return f"{number:,.0f}" if abs(number) >= 1000.0 else f"{number:.{digits}g}"


def _without_price(
    one: CausalMarket, efforts: Sequence[str] | None, settings: ExperimentSettings
) -> tuple[str, ...]:
    if settings.budget is None:
        return ()
    left = [
        one.fit.efforts[number]
        for number in _chosen(one, efforts)
        if one.kinds[number] == INDEX and one.fit.efforts[number] not in settings.prices
    ]
    if not left:
        return ()
    return (f"Left out under a budget, as they have no price (--price EFFORT=MONEY): {', '.join(left)}.",)


def _why_none(found: bool, unknown: bool, quantity: str, settings: ExperimentSettings) -> str:
    if not found and unknown:
        return f"The data say nothing of {quantity}, so what a test would add to it cannot be told."
    if not found:
        return "No market has a usable fit; `beed show` says why."
    priced = " Under a budget, efforts of kind index need --price EFFORT=MONEY."
    return (
        "There is no test to propose: in no market does a firm that is there all the time have an effort "
        "that was seen to vary. Give bounds: --bound discount=0:0.1."
        f"{'' if settings.budget is None else priced}"
    )
