"""Where checks collect problems: one for each key, with its line."""

from collections.abc import Collection
from typing import Any

from pipeline.config.yaml.document import Document, KeyPath
from pipeline.config.yaml.messages import path_in
from pipeline.errors import Problem
from pipeline.names import did_you_mean, one_of
from pipeline.problems import ProblemGatherer


class Findings(ProblemGatherer[KeyPath]):
    """Problems of one document, by key.

    Parameters
    ----------
    document
        What is checked.
    wrong
        Keys known to be wrong already: what the document has there is a stand-in for what the user wrote.
    """

    def __init__(self, document: Document, wrong: Collection[KeyPath] = ()) -> None:
        super().__init__(most=1)
        self.document = document
        self.wrong = tuple(wrong)

    @property
    def problems(self) -> dict[KeyPath, Problem]:
        """The problem of each key."""
        return {path: problem for path, (problem,) in self.kept.items()}

    def add(self, location: KeyPath, got: str, expected: str, hint: str = "") -> None:
        """Add a problem; only the first one of a key is kept.

        Parameters
        ----------
        location
            Where. It may have parts that the document leaves out, such as the number 0 of a list that is
            written as its only item.
        got, expected, hint
            As in `pipeline.errors.Problem`.
        """
        path = path_in(self.document.content, location)
        self.gather(path, self.document.problem(path, got, expected, hint))

    def add_unknown(self, location: KeyPath, got: str, name: str, known: Collection[str]) -> None:
        """Add the problem of a name that is not among the known ones, with the nearest of them."""
        self.add(location, got, one_of(known), did_you_mean(name, known))

    def clean(self, *sections: str) -> bool:
        """Tell whether no problem lies in these sections so far."""
        return not any(path and path[0] in sections for path in (*self.wrong, *self.kept))

    def written(self, location: KeyPath) -> Any:
        """Give what the document has at a location; None where it has nothing."""
        content = self.document.content
        for part in path_in(content, location):
            try:
                content = content[part]
            except (KeyError, IndexError, TypeError):
                return None
        return content
