"""Where a table is, and how it has to be read."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Source:
    """Where a table is, and how it is read.

    Attributes
    ----------
    name : str
        Of the study.
    output, file : str
        The study's file, and the table as the study names it.
    keys : dict
        Further keys of the section `data`.
    reasons : dict of str to str
        Why, by key.
    """

    name: str
    output: str
    file: str
    keys: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
