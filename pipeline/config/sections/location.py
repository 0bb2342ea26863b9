"""Locations that a study names: URLs, and paths relative to the study file."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from pipeline.names import has_user_info

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")
# Of ext4, NTFS, APFS: bytes in the name of a file; and of Linux in a path.
_LONGEST_NAME = 255
_LONGEST_PATH = 4095


def is_url(text: str) -> bool:
    """Tell whether a location is a URL rather than a path on this machine."""
    return _URL.match(text) is not None


def resolve_location(text: str, folder: str) -> str:
    """Give a location as it can be opened from anywhere.

    Parameters
    ----------
    text
        URL, absolute path, path from the home folder (``~``), or path relative to `folder`.
    folder
        Folder of the study file; empty for the current folder.

    Returns
    -------
    str
        The URL as it is, or the path with `folder` before it and without ``..`` inside.
    """
    if is_url(text):
        return text
    return str(Path(folder).joinpath(Path(text).expanduser()).resolve())


def impossible(text: str) -> tuple[str, str] | None:
    """Say why no file or store can be there: what was got and what is expected; None when one can.

    A name and password in a URL are not repeated: messages end up in logs.
    """
    if has_user_info(text):
        return "a URL with a name or password in it", (
            "a URL without: keys come from the environment (AWS_ACCESS_KEY_ID, ...) or from a profile"
        )
    if not text.strip() or "\0" in text:
        return f"the location {text!r}", "a path or URL"
    if is_url(text):
        return None
    names = text.encode(errors="surrogatepass").split(b"/")
    if max(map(len, names)) > _LONGEST_NAME or sum(map(len, names)) + len(names) > _LONGEST_PATH:
        got = f"a path of {len(text):,} characters"
        return got, f"a path that systems take: at most {_LONGEST_NAME} bytes a name"
    try:
        Path(text).expanduser()
    except RuntimeError:
        return f"{text!r}, and there is no such user", "a path or URL"
    return None


def _possible(text: str) -> str:
    if problem := impossible(text):
        got, expected = problem
        raise PydanticCustomError(
            "refused", "got {got}; expected {expected}", {"got": got, "expected": expected}
        )
    return text


Location = Annotated[str, AfterValidator(_possible)]
"""A path or URL that can be one, without secrets in it."""
