"""The section about what the data do not tell."""

from pipeline.reporting.blocks import Block, Bullets, Section, Text, grid
from pipeline.reporting.subject import ReportSubject
from pipeline.reporting.words import CORRELATED_ERRORS, percentage
from pipeline.results.frames.table import Table
from pipeline.results.tables.residual_checks import describe_checks, describe_orders

_SENTENCES = 12


def identifiability(subject: ReportSubject) -> Section:
    """Say what the data do not determine, or only weakly, and which fits failed."""
    summary = subject.summary
    blocks: list[Block] = []
    if len(summary.undetermined):
        blocks.append(Text("Undetermined: the data cannot tell, and no standard error is given.", "warning"))
        blocks.append(directions_in_words(summary.undetermined))
    else:
        blocks.append(Text("In no fit is a parameter, or a combination of parameters, left undetermined."))
    if len(summary.weak):
        text = "Weakly determined: single values are uncertain, though combinations of them are known."
        blocks.append(Text(text))
        blocks.append(directions_in_words(summary.weak))
    else:
        blocks.append(Text("No combination of parameters is badly determined."))
    blocks += grid("Parameters at a bound: the data want more than the study allows", summary.at_bounds)
    blocks += grid("Errors correlated from one period to the next", summary.serial)
    if len(summary.serial):
        blocks.append(Text(CORRELATED_ERRORS, "note"))
    if summary.instruments:
        blocks += [
            Text("Efforts that answer to the market, and their instruments:"),
            Bullets(summary.instruments),
        ]
    if summary.experiments:
        blocks += [Text("Experiments beside the data:"), Bullets(summary.experiments)]
    blocks += _checks(subject)
    blocks += grid("Failures by reason", summary.failures, rows=40)
    blocks += grid("Usable fits without a forecast", summary.no_forecast, rows=40)
    return Section("identifiability", "What the data do not tell", tuple(blocks))


def _checks(subject: ReportSubject) -> list[Block]:
    """Show what tests of residuals found: for the model shown in words, for all as tables."""
    summary, model = subject.summary, subject.shown.model
    blocks: list[Block] = []
    if model is not None:
        said = (*describe_orders(summary.orders, model), *describe_checks(summary.checks, model))
        blocks += [Text(f"Residuals of `{model}`:"), Bullets(said)] if said else []
    blocks += grid("Tests of residuals: fits flagged at 5 %, and by chance alone", summary.checks, rows=40)
    blocks += grid("Order of the autoregression of errors, in fits", summary.orders, rows=40)
    return blocks


def directions_in_words(table: Table) -> Bullets:
    """Say what moves together, from a table of `pipeline.results.tables.trust.summarise_directions`."""
    rows = list(table.rows())
    sentences = [
        f"`{model}`: {what} (in {percentage(fits, of, 'fits')}"
        + (f", for example market {example})." if of > 1 else ").")
        for model, what, fits, of, example, *_ in rows[:_SENTENCES]
    ]
    if len(rows) > _SENTENCES:
        sentences.append(f"… and {len(rows) - _SENTENCES} more: `beed show STORE`.")
    return Bullets(tuple(sentences))
