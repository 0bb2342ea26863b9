"""The model that simulated data were made by, among those of a study."""

from pipeline.config.parameters import JUMP_PRICE
from pipeline.config.study import Study
from pipeline.config.variants import true_variant


def true_model(study: Study) -> str | None:
    """Name the model of the study that generated the data, whose estimates can be compared with the truth.

    Returns
    -------
    str or None
        None when the data are not simulated, or the study does not calibrate their model. M can be compared
        only in a model with a numeraire whose true coefficient is 1, or with M fixed at its true value.
    """
    simulate = study.simulate
    if simulate is None:
        return None
    truth = true_variant(simulate)
    for variant in study.variants():
        same = (
            (variant.form, variant.firm_effects, variant.carry_over)
            == (truth.form, truth.firm_effects, truth.carry_over)
            and variant.response.link == truth.response.link
            and variant.response.curves == truth.response.curves
            and variant.response.order == truth.response.order
        )
        if same and variant.numeraire is not None and simulate.truth.parameters[variant.numeraire] == 1.0:
            return variant.name
        if (
            same
            and variant.numeraire is None
            and simulate.truth.parameters[JUMP_PRICE] == simulate.total_sales
        ):
            return variant.name
    return None
