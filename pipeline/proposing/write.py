"""A study as commented YAML."""

from typing import Any

import yaml

from pipeline.proposing.efforts import Effort, Efforts
from pipeline.proposing.periods import Periods
from pipeline.proposing.roles import Roles
from pipeline.proposing.scale import Scale
from pipeline.proposing.source import Source
from pipeline.proposing.words import NUMERIC
from pipeline.sweep.before.cost import readable_seconds

_WIDTH = 118


def write_study(source: Source, roles: Roles, efforts: Efforts, scale: Scale) -> str:
    """Write a proposed study, every guess with its reason beside it."""
    assert roles.periods is not None
    blocks = [
        _head(source, roles),
        _data(source, roles, efforts, roles.periods, scale),
        _models(efforts.taken, scale),
        _rest(source, roles, scale),
    ]
    return "\n".join("\n".join(lines) + "\n" for lines in blocks)


def _head(source: Source, roles: Roles) -> list[str]:
    firms = len(roles.sample.columns[roles.columns["firm"]].distinct)
    return [
        f"# What moves the shares of {firms} firms? Proposed by `beed init` from {source.file}.",
        "# Every line is a guess, with its reason: change what is wrong.",
        f"#   beed check {source.output}    beed run {source.output}    beed show runs/{source.name}",
        f"study: {source.name}",
    ]


def _data(source: Source, roles: Roles, efforts: Efforts, periods: Periods, scale: Scale) -> list[str]:
    lines = ["data:", f"  file: {scalar(source.file)}"]
    for key, value in source.keys.items():
        if key != "columns":
            lines.append(_line(f"  {key}: {scalar(value)}", source.reasons[key]))
    wide = source.keys.get("columns", {})
    if wide:
        lines.append("  columns: # a row has all firms: the columns of each")
        lines += [f"    {scalar(name)}: {scalar(of)}" for name, of in {**wide, **efforts.renamed}.items()]
    elif efforts.renamed:
        lines.append(_line(f"  columns: {scalar(efforts.renamed)}", "names that formulas can use"))
    if "market" in roles.columns:
        lines.append(_role(roles, efforts, "market"))
    else:
        lines.append(f"  # market: COLUMN # {roles.reasons['market']}")
    lines += [_role(roles, efforts, role) for role in ("firm", "time")]
    if periods.date_format is not None:
        label = roles.sample.columns[roles.columns["time"]].distinct[0]
        lines.append(
            _line(
                f"  date_format: {scalar(periods.date_format)}",
                f"{label}; one period is {periods.axis.frequency}",
            )
        )
    lines.append(_role(roles, efforts, "sales"))
    lines.append(_currency(roles))
    sales = roles.sample.columns[roles.columns["sales"]]
    if sales.missing:
        name = _renamed(efforts, sales.name)
        lines.append(
            _line(f"  filter: {name} >= 0", f"{sales.missing:,} rows have no sales: the firm was absent")
        )
    if scale.markets:
        note = (
            f"{len(scale.markets)} of {scale.of_markets}, spread evenly; without this line all of them, "
            f"in about {readable_seconds(scale.all_seconds)}"
        )
        lines += [f"  # {note}", f"  markets: {scalar(list(scale.markets))}"]
    lines.append("  efforts: # what firms do; f is a function of these")
    lines += [_effort_line(effort) for effort in efforts.taken]
    lines += [f"    # {_effort_line(effort).strip()}" for effort in efforts.spare]
    lines += [f"    # not {name}: {reason}" for name, reason in list(efforts.left_out.items())[:12]]
    return lines


def _models(efforts: list[Effort], scale: Scale) -> list[str]:
    amounts = [effort for effort in efforts if effort.amount]
    curves = {effort.name: "michaelis_menten" if effort.amount else "linear" for effort in efforts}
    saturating = {"name": "saturating"} | curves
    if len(amounts) == len(efforts):
        saturating = {"name": "saturating", "family": "michaelis_menten"}
    lines = ["models: # every list is an axis; all combinations are calibrated"]
    forms = ", ".join(scale.forms)
    lines.append(
        _line(
            f"  form: [{forms}]",
            "γ = 0, estimated, 1"
            if len(scale.forms) == 3
            else "γ = 0; further ones: scaled (γ estimated), proportional (γ = 1)",
        )
    )
    lines.append("  response:")
    if amounts and all(effort.nonnegative for effort in efforts):
        lines.append(_line("    - linear", "f = firm + Σ coefficient · effort"))
        lines.append(_line(f"    - {scalar(saturating)}", "more and more of the same does less"))
    else:
        lines.append(_line("    - mnl", "f = exp(firm + Σ coefficient · effort), multinomial logit"))
        if amounts:
            saturating = {"name": "saturating", "link": "exp"} | saturating
            lines.append(_line(f"    - {scalar(saturating)}", "more and more of the same does less"))
    lines.append(_line("  firm_effects: true", "every firm has a constant of its own"))
    ratio = next((effort.name for effort in efforts if effort.keys.get("kind") == "ratio"), None)
    if ratio is not None:
        lines.append(f"  # numeraire: {ratio} # its coefficient is 1, so that M is in currency")
    if scale.origins:
        lines.append(
            "# models: auto   # instead: a ladder of models, from which forecasts choose; takes longer"
        )
    return lines


def _rest(source: Source, roles: Roles, scale: Scale) -> list[str]:
    sales = roles.sample.columns[roles.columns["sales"]].numbers
    residual = ", residual: share" if (sales == 0).any() else ""
    why = "sales of 0 have no log-ratios" if residual else "16 for final results"
    lines = [_line(f"fit: {{starts: {scale.starts}{residual}}}", why)]
    if scale.origins:
        steps = f"origins: {scale.origins}, horizon: {scale.horizon}, step: {scale.horizon}"
        baselines = ["last", "mean", "smoothing", "attraction"] + ([] if residual else ["wiener"])
        periods = scale.origins * scale.horizon
        lines.append(
            _line("validation:", f"forecasts of the last {periods} periods, {scale.horizon} at a time")
        )
        lines.append(f"  {{{steps}, baselines: [{', '.join(baselines)}]}}")
    else:
        lines.append(
            "# validation: {origins: 3}   # needs more periods: forecasts would tell the models apart"
        )
    kind = "serial" if scale.serial else "local"
    what = "in this process" if scale.serial else "on all cores of this computer"
    lines.append(_line(f"cluster: {{kind: {kind}}}", f"about {readable_seconds(scale.seconds)} {what}"))
    return [*lines, f"store: runs/{source.name}", "seed: 1"]


def _role(roles: Roles, efforts: Efforts, role: str) -> str:
    column = _renamed(efforts, roles.columns[role])
    return _line(f"  {role}: {scalar(column)}", roles.reasons[role])


def _currency(roles: Roles) -> str:
    name = roles.columns["sales"]
    kind = roles.means(name, NUMERIC)
    if unit := roles.sample.columns[name].unit:
        return _line(f"  currency: {scalar(unit)}", "the unit of sales, as the dataset says")
    tokens = {
        "eur": "EUR",
        "€": "EUR",
        "usd": "USD",
        "$": "$",
        "kzt": "KZT",
        "rub": "RUB",
        "руб": "RUB",
        "тенге": "KZT",
    }
    known = next((unit for text, unit in tokens.items() if text in name.casefold()), None)
    if known or kind not in ("quantity", "share"):
        return _line(
            f"  currency: {scalar(known or 'currency')}", "the unit of sales" if known else "say which"
        )
    return _line(f"  currency: {'units' if kind == 'quantity' else 'share'}", "the unit of sales: no money")


def _effort_line(effort: Effort) -> str:
    return _line(f"    {effort.name}: {scalar(effort.keys)}", effort.reason)


def _renamed(efforts: Efforts, column: str) -> str:
    return next((name for name, of in efforts.renamed.items() if of == column), column)


def _line(text: str, reason: str) -> str:
    """Put a reason beside a line, or above it where that would be too wide."""
    line = f"{text} # {reason}"
    indent = text[: len(text) - len(text.lstrip())]
    return line if len(line) <= _WIDTH else f"{indent}# {reason}\n{text}"


def scalar(value: Any) -> str:
    """Write a value as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10**6)
    return text.removesuffix("...\n").strip()
