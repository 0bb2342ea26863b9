"""Names and labels, and how messages speak of them: which are valid, and which one was probably meant."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from kernels.formula.near_names import nearest_name

type Label = int | str | np.generic
"""Name of a market or firm: a whole number where all of them are, else text."""

_LONGEST_LIST = 40


_USER_INFO = re.compile(r"(?<=://)[^/\\s'\"]*@")
"""The name and password of a URL: ``user:secret@``."""


def has_user_info(text: str) -> bool:
    """Tell whether a URL names a user, with or without a password."""
    return _USER_INFO.search(text) is not None


def without_user_info(text: str) -> str:
    """Put ``***@`` in the place of the names and passwords of all URLs in a text."""
    return _USER_INFO.sub("***@", text)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Ask ``Did you mean 'x'?`` with the valid name most like a given one; empty when none is similar."""
    nearest = nearest_name(name, known)
    return "" if nearest is None else f"Did you mean {nearest!r}?"


def did_you_mean_file(path: Path, pattern: str = "*") -> str:
    """Ask the same of a missing file, with the files in its folder; say so when there is no such folder."""
    if not path.parent.is_dir():
        return f"There is no folder {path.parent}."
    return did_you_mean(path.name, (item.name for item in path.parent.glob(pattern)))


def one_of(known: Iterable[str]) -> str:
    """List the valid names, the first ones of many: ``one of mnl, mci``."""
    names = list(known)
    if not names:
        return "nothing here"
    shown = names[:_LONGEST_LIST]
    if len(names) > _LONGEST_LIST:
        shown.append(f"... ({len(names)} in all)")
    return f"one of {', '.join(shown)}"
