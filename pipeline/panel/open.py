"""The panel of a study, from its data or simulated, with its experiments."""

from pipeline.config.study import Study
from pipeline.panel.dates import Span
from pipeline.panel.panel import Panel


def open_study_panel(study: Study, span: Span | None = None) -> Panel:
    """Open the panel of a study, from data or simulated, all of it or the periods of a span.

    Raises
    ------
    DataError
        With everything that is wrong with the data; then, with the experiments.
    """
    panel = _panel_of(study, span)
    if study.experiments is None:
        return panel
    from pipeline.panel.experiments.read import read_experiments
    from pipeline.panel.experiments.with_experiments import PanelWithExperiments

    chosen = study.data is not None and study.data.markets is not None
    table = read_experiments(study.resolve(study.experiments), panel, chosen_markets=chosen, span=span)
    return PanelWithExperiments(panel, table) if table.rows or table.left_out else panel


def _panel_of(study: Study, span: Span | None) -> Panel:
    if study.simulate is None:
        from pipeline.panel.source import open_panel

        return open_panel(study, span)
    from pipeline.panel.simulated import simulated_panel

    return simulated_panel(study, span=span)
