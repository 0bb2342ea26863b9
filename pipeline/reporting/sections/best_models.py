"""The section about the choice of a model, and what γ says of the markets."""

from pipeline.reporting.blocks import Block, Section, Text, grid
from pipeline.reporting.subject import ReportSubject
from pipeline.results.summary.summary import Summary
from pipeline.validation.windows import ALL


def best_models(subject: ReportSubject) -> Section:
    """Show how well each model fits, which is chosen, and what γ says of the markets."""
    summary = subject.summary
    periods = "all periods" if summary.window == ALL else summary.window
    blocks = (
        *grid(f"Models (fits to {periods}; medians over markets)", summary.models, rows=40),
        *grid(
            "Choice by fit (criteria summed over markets) and by forecast density (stacking)", summary.choice
        ),
        *grid(
            "Best model by market",
            summary.best,
            rows=12,
            all_of_them="`beed query STORE --sort aic` gives all",
        ),
        *_recovered(summary),
        *grid(
            "Returns to scale γ (markets in each regime) and half-life, in periods", summary.regimes, rows=40
        ),
        Text(
            "AIC, AICc and BIC weigh fit against the number of parameters: smaller is better, and a "
            "difference of 10 is decisive. γ < 1: firms of different strength coexist; γ > 1: who is ahead "
            "pulls away.",
            "note",
        ),
    )
    return Section("models", "Best models", blocks)


def _recovered(summary: Summary) -> tuple[Block, ...]:
    blocks = grid("Recovered against the truth of the simulation", summary.recovered, rows=40)
    note = "mean and spread: over markets; covered: part of the markets whose 95 % interval holds the truth."
    return (*blocks, Text(note, "note")) if blocks else ()
