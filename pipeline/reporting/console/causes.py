"""What moves shares, as tables: for people, and flat for programs."""

from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from pipeline.reporting.console.printing import print_line, print_sentence, print_table
from pipeline.results.frames.table import Table

if TYPE_CHECKING:
    import xarray as xr

    from pipeline.causes.experiment import ProposedExperiments

#: Firms whose efforts fit beside one another on a page, and markets and firms of a table.
_COLUMNS, _MARKETS, _ROWS = 8, 3, 40
_NUMBERS = ("value", "stderr", "low", "high")


def effects_table(found: "xr.Dataset") -> Table:
    """One row for every market, horizon, effort, firm that makes it and firm whose share it is."""
    names = ("market", "horizon", "effort", "unit", "effort_of", "share_of")
    cube = found["value"].transpose(*("market", "horizon", "effort", "effort_of", "share_of"))
    numbers = {name: found[name].transpose(*cube.dims).values for name in _NUMBERS}
    axes = [found[axis].values.tolist() for axis in cube.dims]
    unit = found["unit"].transpose("market", "horizon", "effort").values
    rows: list[list[Any]] = []
    for place in map(tuple, np.argwhere(~np.isnan(cube.values)).tolist()):
        market, horizon, effort, maker, owner = (axis[at] for axis, at in zip(axes, place, strict=True))
        row = [market, horizon, effort, str(unit[place[:3]]), maker, owner]
        row += [float(numbers[name][place]) for name in _NUMBERS]
        rows.append(
            [*row, *(str(found[name].values[place[0]]) for name in ("model", "chosen_by", "intervals"))]
        )
    return Table.from_rows((*names, *_NUMBERS, "model", "chosen_by", "intervals"), rows)


def show_effects(console: Console, found: "xr.Dataset") -> None:
    """Print own effects with intervals, then a matrix for every effort and horizon."""
    markets = found["market"].values.tolist()
    if len(markets) > 1:
        print_table(
            console, f"Own effects in {len(markets)} markets: mean, spread", _over_markets(found), _ROWS
        )
    for number, market in enumerate(markets[:_MARKETS]):
        one = found.isel(market=number)
        title = f"Market {market}, {one['model'].item()}, {found.attrs['date']}"
        print_table(console, f"{title}: own effects", _own(one), _ROWS)
        for horizon in one["horizon"].values.tolist():
            for effort in one["effort"].values.tolist():
                cell = one.sel(horizon=horizon, effort=effort)
                print_table(
                    console, f"{horizon}, {cell['unit'].item()}: share of / effort of", _matrix(cell), _ROWS
                )
    if len(markets) > _MARKETS:
        print_line(console, f"... and {len(markets) - _MARKETS} more markets (--market, --format csv).")
    print_sentence(console, f"* the {found.attrs['level']:.0%} interval does not hold 0.")
    for sentence in found.attrs["choice"]:
        print_sentence(console, f"Model: {sentence}")
    if found.attrs["assumption"]:
        print_sentence(console, f"Note:  {found.attrs['assumption']}")


def explained_table(found: "xr.Dataset") -> Table:
    """One row for every cause of the share and of the sales; those that did exactly nothing are left out."""
    names = ("firm", "market", "measure", "cause", "kind", "effort", "effort_of")
    rows: list[list[Any]] = []
    for measure in found["measure"].values.tolist():
        for place in _that_did_something(found, measure):
            cell = found.isel(cause=place).sel(measure=measure)
            row: list[Any] = [found.attrs["firm"], found.attrs["market"], measure]
            row += [str(cell[name].item()) for name in ("cause", "kind", "effort", "effort_of")]
            row += [float(cell[name]) for name in _NUMBERS]
            rows.append(
                [*row, *(found.attrs[name] for name in ("from", "to", "reference", "model", "chosen_by"))]
            )
    return Table.from_rows((*names, *_NUMBERS, "from", "to", "reference", "model", "chosen_by"), rows)


def show_explained(console: Console, found: "xr.Dataset") -> None:
    """Print before, the causes from the largest on, and after; for the share and for the sales."""
    attrs = found.attrs
    since = f"{attrs['from']} to {attrs['to']}" + (
        f", against {attrs['reference']}" if attrs["reference"] else ""
    )
    for measure in found["measure"].values.tolist():
        one = found.sel(measure=measure)
        size = np.abs(one["value"].values)
        places = _that_did_something(found, measure)
        ends = [places[0], places[-1]]
        order = sorted(places[1:-1], key=lambda place: -size[place])
        rows = [
            (str(one["cause"].values[place]), *(float(one[name].values[place]) for name in _NUMBERS))
            for place in [ends[0], *order, ends[1]]
        ]
        title = f"{measure} of {attrs['firm']}, market {attrs['market']}, {attrs['model']}: {since}"
        print_table(console, title, Table.from_rows(("cause", *_NUMBERS), rows), _ROWS)
    for sentence in attrs["choice"]:
        print_sentence(console, f"Model: {sentence}")
    if attrs["assumption"]:
        print_sentence(console, f"Note:  {attrs['assumption']}")


def _that_did_something(found: "xr.Dataset", measure: str) -> list[int]:
    """Places of the ends and of the causes that did something."""
    values = found["value"].sel(measure=measure).values
    return [place for place, value in enumerate(values) if place in (0, values.size - 1) or value != 0.0]


def returns_table(found: "xr.Dataset") -> Table:
    """One row for every firm, effort, level and quantity."""
    rows: list[list[Any]] = []
    cube = found["value"].transpose("firm", "effort", "level", "quantity")
    numbers = {name: found[name].transpose(*cube.dims).values for name in _NUMBERS}
    axes = [found[axis].values.tolist() for axis in cube.dims]
    for place in map(tuple, np.argwhere(~np.isnan(cube.values)).tolist()):
        row = [found.attrs["market"], *(axis[at] for axis, at in zip(axes, place, strict=True))]
        rows.append([*row, *(float(numbers[name][place]) for name in _NUMBERS), found.attrs["model"]])
    return Table.from_rows(("market", *map(str, cube.dims), *_NUMBERS, "model"), rows)


def show_returns(console: Console, found: "xr.Dataset") -> None:
    """Print what a further unit of money brings at the present level, and at half and twice as much."""
    at = {level: found["value"].sel(level=level) for level in (0.5, 1.0, 2.0)}
    marginal = str(found["quantity"].values[-1])
    now = found.sel(level=1.0, quantity=marginal)
    rows = []
    for firm in found["firm"].values.tolist():
        for effort in found["effort"].values.tolist():
            cell = {"firm": firm, "effort": effort}
            money, sales = (float(at[1.0].sel(quantity=name, **cell)) for name in ("money", "sales"))
            if np.isnan(money):
                continue
            ends = [float(now[name].sel(cell)) for name in ("value", "low", "high")]
            others = [float(at[level].sel(quantity=marginal, **cell)) for level in (0.5, 2.0)]
            rows.append((firm, effort, money, sales, *ends, *others))
    what = marginal.replace("_", " ")
    names = ("firm", "effort", "money", "sales", what, "low", "high", "at half", "at twice")
    attrs = found.attrs
    of = f"Market {attrs['market']}, {attrs['model']}"
    title = f"{of}: {what} per unit of money, after {attrs['periods']} periods"
    print_table(console, title, Table.from_rows(names, rows), _ROWS)
    for sentence in attrs["choice"]:
        print_sentence(console, f"Model: {sentence}")
    if attrs["assumption"]:
        print_sentence(console, f"Note:  {attrs['assumption']}")


def _own(one: "xr.Dataset") -> Table:
    rows = []
    firms = [str(firm) for firm in one["share_of"].values]
    for horizon in one["horizon"].values.tolist():
        for effort in one["effort"].values.tolist():
            for maker in one["effort_of"].values.tolist():
                cell = one.sel(horizon=horizon, effort=effort, effort_of=maker).isel(
                    share_of=firms.index(str(maker))
                )
                numbers = [float(cell[name]) for name in _NUMBERS]
                if not np.isnan(numbers[0]):
                    rows.append((horizon, effort, maker, *numbers))
    return Table.from_rows(("horizon", "effort", "firm", *_NUMBERS), rows)


def _over_markets(found: "xr.Dataset") -> Table:
    """Mean and spread over markets of the effects of each effort on the own share."""
    maker = found["effort_of"].astype(str)
    own = found["value"].where(found["share_of"].astype(str) == maker)
    values = own.transpose("horizon", "effort", "market", "effort_of", "share_of").values
    rows = []
    for h, horizon in enumerate(found["horizon"].values.tolist()):
        for k, effort in enumerate(found["effort"].values.tolist()):
            known = values[h, k][~np.isnan(values[h, k])]
            if known.size:
                ends = np.quantile(known, (0.1, 0.9)).tolist()
                rows.append((horizon, effort, known.size, float(known.mean()), *ends))
    return Table.from_rows(("horizon", "effort", "firms", "mean", "10%", "90%"), rows)


def _matrix(cell: "xr.Dataset") -> Table:
    makers = cell["effort_of"].values.tolist()
    columns: dict[str, np.ndarray] = {"share of": cell["share_of"].values.astype(object)}
    for maker in makers[:_COLUMNS]:
        one = cell.sel(effort_of=maker)
        columns[str(maker)] = np.array(
            list(map(_marked, one["value"].values, one["low"].values, one["high"].values))
        )
    if len(makers) > _COLUMNS:
        columns["..."] = np.full(len(columns["share of"]), "...")
    return Table(columns)


def _marked(value: float, low: float, high: float) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:.3g}{'*' if low > 0.0 or high < 0.0 else ''}"


def show_experiment(console: Console, found: "ProposedExperiments") -> None:
    """Print the test that would tell most, and the others."""
    for sentence in found.sentences:
        print_sentence(console, sentence)
    constant = [name for name in ("begins", "periods") if len(set(found.table[name].tolist())) == 1]
    shown = found.table.select([name for name in found.table.columns if name not in constant])
    print_table(console, "Tests, the most telling first", shown)
