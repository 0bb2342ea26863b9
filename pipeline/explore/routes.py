"""All pages; those with a name stand in the navigation, in this order."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.explore.reply import Reply
    from pipeline.explore.visit import Visit


@dataclass(frozen=True, slots=True)
class Route:
    """An address, and what makes its page.

    Attributes
    ----------
    path
        ``/markets``.
    maker
        ``module:function``, imported when the page is first asked for; the function takes a `Visit`, gives a
        `Reply`, and runs in a thread. A `BeedError` that it raises is shown as a page.
    name
        In the navigation; empty: it does not stand there.
    """

    path: str
    maker: str
    name: str = ""

    def load(self) -> "Callable[[Visit], Reply]":
        """Import the function."""
        module, _, function = self.maker.partition(":")
        maker: Callable[[Visit], Reply] = getattr(import_module(module), function)
        return maker


#: To add a page, write a function in ``pages`` and name it here.
ROUTES: tuple[Route, ...] = (
    Route("/", "pipeline.explore.pages.overview:overview", "Overview"),
    Route("/live/progress", "pipeline.explore.pages.overview:progress"),
    Route("/live/findings", "pipeline.explore.pages.overview:findings"),
    Route("/live/begun", "pipeline.explore.pages.overview:begun"),
    Route("/markets", "pipeline.explore.pages.markets:markets", "Markets"),
    Route("/markets.csv", "pipeline.explore.pages.markets:download"),
    Route("/market", "pipeline.explore.market.page:market"),
    Route("/market/what-if", "pipeline.explore.market.page:what_if"),
    Route("/market/part", "pipeline.explore.market.page:part"),
    Route("/models", "pipeline.explore.pages.models:models", "Models"),
    Route("/drift", "pipeline.explore.pages.drift:drift", "Drift"),
    Route("/plans", "pipeline.explore.pages.plans:plans", "Plans"),
    Route("/sql", "pipeline.explore.pages.sql:sql", "SQL"),
    Route("/sql.csv", "pipeline.explore.pages.sql:download"),
)
