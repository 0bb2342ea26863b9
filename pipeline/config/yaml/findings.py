"""Where checks of a study put what they find: one problem per key, each with its line."""

from collections.abc import Collection
from typing import Any

from pipeline.config.yaml.document import Document, Path, dotted
from pipeline.config.yaml.messages import path_in
from pipeline.errors import Problem


class Findings:
    """Problems of one study, by key.

    Parameters
    ----------
    document
        What the study was read from.
    wrong
        Keys known to be wrong already; what the study says there is not what the user wrote.
    """

    def __init__(self, document: Document, wrong: Collection[Path] = ()) -> None:
        self.document = document
        self.wrong = tuple(wrong)
        self.problems: dict[Path, Problem] = {}

    def add(self, location: tuple[int | str, ...], got: str, expected: str, hint: str = "") -> None:
        """Note a problem; `location` may have parts that the file leaves out, such as the number 0."""
        path = path_in(self.document.content, location)
        # A second problem of the same key waits until the first is mended.
        self.problems.setdefault(
            path, Problem(self.document.file, self.document.line_of(path), dotted(path), got, expected, hint)
        )

    def clean(self, *sections: str) -> bool:
        """Tell whether nothing is wrong with these sections so far."""
        return not any(path and path[0] in sections for path in (*self.wrong, *self.problems))

    def written(self, location: tuple[int | str, ...]) -> Any:
        """Give what the file says at a location."""
        content = self.document.content
        for part in path_in(content, location):
            try:
                content = content[part]
            except (KeyError, IndexError, TypeError):
                return None
        return content
