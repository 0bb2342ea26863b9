"""Names and passwords in URLs: they belong into the environment, and never into a message."""

import re

_USER_INFO = re.compile(r"(?<=://)[^/\s'\"]*@")
"""The name and password of a URL: ``user:secret@``."""


def has_user_info(text: str) -> bool:
    """Tell whether a URL names a user, with or without a password."""
    return _USER_INFO.search(text) is not None


def without_user_info(text: str) -> str:
    """Put ``***@`` in the place of the names and passwords of all URLs in a text."""
    return _USER_INFO.sub("***@", text)
