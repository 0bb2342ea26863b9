"""The panel of a study, from its data or simulated."""

from pipeline.config.study import Study
from pipeline.panel.dates import Span
from pipeline.panel.panel import Panel


def open_study_panel(study: Study, span: Span | None = None) -> Panel:
    """Open the panel of a study, from data or simulated, all of it or the periods of a span."""
    if study.simulate is None:
        from pipeline.panel.source import open_panel

        return open_panel(study, span)
    from pipeline.panel.simulated import simulated_panel

    return simulated_panel(study, span=span)
