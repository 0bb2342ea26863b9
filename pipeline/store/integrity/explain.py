"""What goes wrong below the store, said for people; readers and writers translate it here, nowhere else.

Icechunk's errors name functions of its sources, codecs say that a decompression failed; neither says of what,
or what to do.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import icechunk
from zarr.errors import BaseZarrError

from pipeline.errors import BeedError, StoreError

#: A store that cannot be reached, written or believed. Codecs raise the last two.
_RAW = (icechunk.IcechunkError, BaseZarrError, OSError, RuntimeError, ValueError)
_RUN_AGAIN = "What was committed before is safe; run again to go on."
_DAMAGED = (
    "`beed verify STORE` names everything that is damaged. Put the file back from a backup, or run the study "
    "into a new store."
)

#: What is found in a message, what it means, and what to do.
_CAUSES = (
    (
        r"no space left|os error 28|disk quota|os error 122",
        "the disk is full",
        f"Free some space. {_RUN_AGAIN}",
    ),
    (
        r"file too large|os error 27\b",
        "a file would be larger than this process may write",
        f"Raise the limit (`ulimit -f`). {_RUN_AGAIN}",
    ),
    (
        r"too many open files|os error 24\b",
        "too many files are open",
        f"Raise the limit (`ulimit -n`). {_RUN_AGAIN}",
    ),
    (
        r"cannot allocate memory|os error 12\b",
        "there is not enough memory",
        f"Give it more, or use fewer workers. {_RUN_AGAIN}",
    ),
    (
        r"permission denied|os error 13\b|operation not permitted|os error 1\b",
        "permission denied",
        "Check whose the folder and its files are (`ls -l`).",
    ),
    (r"read-only file system|os error 30\b", "it is on a file system for reading only", "Use another place."),
    (
        r"access ?denied|forbidden|invalidaccesskey|signaturedoesnotmatch|credentials|expiredtoken",
        "S3 refuses the credentials, or they are missing",
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_PROFILE) for an account that may use it.",
    ),
    (
        r"nosuchbucket|bucket does not exist",
        "there is no such bucket",
        "Make it, or correct the address.",
    ),
    (
        r"dispatch failure|connect(ion)? (error|refused|reset|closed)|timed? ?out|dns error|"
        r"service unavailable|slowdown|internalerror|broken pipe|network is unreachable|"
        r"error sending request|service error",
        "S3 does not answer",
        f"Check the network, and AWS_ENDPOINT_URL if it is set. {_RUN_AGAIN}",
    ),
    (
        r"object not found|no such file|os error 2\b|chunk\(s\) not found|not found in store",
        "a file of it is missing",
        _DAMAGED,
    ),
    (r"input/output error|os error 5\b", "the disk cannot read it", _DAMAGED),
)


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn what Icechunk, zarr and the system raise inside the block into a sentence.

    Parameters
    ----------
    what
        A sentence without its end, e.g. ``The store at runs/mall cannot be opened``.

    Raises
    ------
    StoreError
        What, why, and what to do; the raw error is its cause.
    """
    try:
        yield
    except BeedError:
        raise
    except _RAW as error:
        raise StoreError(explain(what, error)) from error


def explain(what: str, error: BaseException) -> str:
    """Say what could not be done, why, and what to do.

    Parameters
    ----------
    what
        A sentence without its end.
    error
        As it was raised.
    """
    text = str(error)
    for pattern, cause, advice in _CAUSES:
        if re.search(pattern, text, re.IGNORECASE):
            return f"{what}: {cause}. {advice}"
    # A message of several lines goes on with the names of functions.
    detail = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    if isinstance(error, OSError) and error.errno is not None:
        return f"{what}: {os.strerror(error.errno)}. Check the folder and its disk."
    return f"{what}: it is damaged ({detail.rstrip('.')}). {_DAMAGED}"
