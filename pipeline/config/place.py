"""Locations that can be one: names that file systems take, and no secrets in URLs."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from pipeline.config.sections.location import is_url
from pipeline.config.sections.types import refusal
from pipeline.urls import has_user_info

# Of ext4, NTFS, APFS: bytes in the name of a file; and of Linux in a path.
_LONGEST_NAME = 255
_LONGEST_PATH = 4095


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
        raise refusal(*problem)
    return text


Location = Annotated[str, AfterValidator(_possible)]
"""A path or URL that can be one, without secrets in it."""
