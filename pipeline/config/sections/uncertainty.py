"""The section `uncertainty` of a study: intervals of the estimates, and how they are computed."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.sections.types import MOST, Integer, Number, OneOrMany, OrNothing, Section

IntervalMethod = Literal["covariance", "hac", "autoregressive", "profile", "bootstrap", "mcmc", "recommended"]
Level = Annotated[Number, Field(gt=0.0, lt=1.0)]

# The most trustworthy first. Coverage was measured: those that know of correlated errors hold what they
# promise, the others take errors as independent from period to period.
_BY_TRUST: tuple[IntervalMethod, ...] = (
    "recommended",
    "autoregressive",
    "bootstrap",
    "hac",
    "profile",
    "mcmc",
    "covariance",
)


class McmcSection(Section):
    """How the posterior is sampled, for the interval method mcmc."""

    steps: Integer = Field(default=1000, ge=10, le=MOST, description="Steps of each walker.")
    burn: Integer = Field(default=300, ge=0, le=MOST, description="First steps that are discarded.")
    walkers: Integer | None = Field(
        default=None, ge=4, le=10_000, description="Walkers; null: four for each parameter, at least 16."
    )


class UncertaintySection(Section):
    """How far the estimates can be trusted."""

    intervals: OneOrMany[IntervalMethod] | None = Field(
        default=None,
        description="Methods: covariance (white noise), autoregressive (AR(1) errors), hac (Newey-West), "
        "profile (likelihood), bootstrap (percentiles), mcmc, recommended (autoregressive, or profile where "
        "that is not to be trusted). Default: covariance, autoregressive and recommended, and bootstrap when "
        "there are replicates.",
    )
    levels: OneOrMany[Level] = Field(
        default=(0.95,), min_length=1, description="Coverage probabilities of the intervals: `[0.5, 0.95]`."
    )
    bootstrap: Integer = Field(
        default=0, ge=0, le=100_000, description="Bootstrap replicates per fit; 0: none."
    )
    scheme: Literal["autoregressive", "blocks", "residual"] = Field(
        default="autoregressive",
        description="How errors of replicates are drawn: as an AR(1), in blocks of periods, or one by one.",
    )
    block: Literal["auto"] | Integer = Field(
        default="auto", description="Periods in a block, for the scheme blocks; auto: from the correlation."
    )
    mcmc: OrNothing[McmcSection] = Field(default=McmcSection(), description="How the posterior is sampled.")

    @property
    def methods(self) -> tuple[IntervalMethod, ...]:
        """Methods of the intervals that are stored."""
        if self.intervals is not None:
            return self.intervals
        return ("covariance", "autoregressive", *(("bootstrap",) if self.bootstrap else ()), "recommended")

    def refits(self, columns: int) -> int:
        """Count the further fits of a model, for estimates of time.

        An end of a profile interval takes about two fits; six evaluations of a sampler take as long as one.

        Parameters
        ----------
        columns
            Number of free parameters.
        """
        ends = 2 * columns * len(self.levels) if "profile" in self.methods else 0
        walkers = self.mcmc.walkers or max(4 * (columns + 1), 16)
        draws = self.mcmc.steps * walkers if "mcmc" in self.methods else 0
        return self.bootstrap + 2 * ends + draws // 6


def most_trusted(methods: Iterable[str]) -> IntervalMethod | None:
    """Choose the method whose intervals suffer least from correlated errors; None without any."""
    known = set(methods)
    return next((method for method in _BY_TRUST if method in known), None)
