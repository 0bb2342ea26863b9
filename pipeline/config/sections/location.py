"""Locations that a study names: URLs, and paths relative to the study file."""

import re
from pathlib import Path

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")


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
