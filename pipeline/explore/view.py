"""One sweep in one snapshot, with what has been computed of it for pages."""

from typing import TYPE_CHECKING

from pipeline.once import Kept

if TYPE_CHECKING:
    from pipeline.results.result_store import ResultStore

_VERDICT = "model of the verdict"


class View(Kept):
    """One sweep in one snapshot: the same for all who look, so what is computed once is kept.

    Parameters
    ----------
    results
        The store, opened for the sweep.

    Attributes
    ----------
    results
        As given.
    """

    def __init__(self, results: "ResultStore") -> None:
        super().__init__()
        self.results = results

    @property
    def model(self) -> str | None:
        """The model of the verdict, once there is one: it takes long to reach in a large sweep."""
        model: str | None = self.found(_VERDICT)
        return model

    def verdict_is(self, model: str | None) -> None:
        """Remember the model of the verdict."""
        self.once(_VERDICT, lambda: model)
