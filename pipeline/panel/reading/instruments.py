"""Instruments: what moves efforts from outside, columns of the panel that the market function never sees."""

from collections.abc import Sequence
from dataclasses import replace

from kernels.formula.expression import ExpressionError, names_in
from pipeline.config.sections.data import EFFORT_FUNCTIONS, DataSection, EffortSection
from pipeline.config.sections.fit import FitSection
from pipeline.names import did_you_mean, one_of
from pipeline.panel.efforts import Effort, build_effort, uses_present
from pipeline.panel.findings import Problems


def required_instruments(
    fit: FitSection, data: DataSection, columns: Sequence[str], problems: Problems
) -> tuple[Effort, ...]:
    """Make the instruments of a study, computed like efforts.

    Parameters
    ----------
    fit : FitSection
        Which efforts have which instruments.
    data : DataSection
        What the columns mean.
    columns : sequence of str
        Columns of the source.
    problems : Problems
        Receives what is wrong: columns that do not exist, formulas that cannot be read, instruments made of
        the same period's sales or of what the effort is made of.

    Returns
    -------
    tuple of Effort
        Those that can be made, in the order of `FitSection.instruments`.
    """
    made: dict[str, Effort] = {}
    for name, endogenous in fit.instrumented.items():
        for text in endogenous.instruments:
            key = f"fit.endogenous.{name}.instruments"
            section = EffortSection(column=text) if text in columns else EffortSection(formula=text)
            try:
                effort = build_effort(text, section, columns)
            except ExpressionError as error:
                hint = did_you_mean(text, columns)
                expected = f"a formula over columns, or a column: {one_of(columns)}"
                problems.add("formulas", key, str(error).rstrip("."), expected, hint)
                continue
            made[text] = replace(effort, key=key)
            _refuse_inside(name, text, section, data, problems)
    return tuple(made.values())


def _refuse_inside(
    name: str, text: str, section: EffortSection, data: DataSection, problems: Problems
) -> None:
    """Report an instrument that moves with what it is to be independent of."""
    of_effort = data.efforts.get(name)
    if of_effort is None:
        return
    used = (of_effort.column or name,) if of_effort.formula is None else _names(of_effort.formula)
    for column in dict.fromkeys([data.sales, *used]):
        if uses_present(text, section, column):
            got = f"{text!r}, which uses {column} of the same period"
            what = "sales" if column == data.sales else f"what the effort {name} is made of"
            expected = f"an instrument that is free of {what}: a cost per unit, or lag({column})"
            problems.add("instruments", f"fit.endogenous.{name}.instruments", got, expected)


def _names(formula: str) -> tuple[str, ...]:
    """Name the columns of a formula; none of one that cannot be read, which is reported elsewhere."""
    try:
        return names_in(formula, functions=EFFORT_FUNCTIONS)
    except ExpressionError:
        return ()
