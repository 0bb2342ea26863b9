"""Anything that a result holds as JSON that every reader takes: no NaN, no arrays, no dates of numpy."""

import json
import math
from collections.abc import Mapping, Set
from typing import Any

import numpy as np

from pipeline.results.frames.cells import plain_values


def json_text(content: Any, indent: int | None = 1) -> str:
    """Write a document.

    Parameters
    ----------
    content
        As `plain` takes it.
    indent
        Of a level, in spaces; None: one line.
    """
    return json.dumps(plain(content), indent=indent, ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:
    """Turn a value into what JSON knows.

    Mappings and sequences are gone into; a number that is not finite becomes None, a date its ISO text, and
    whatever else there is its own text.
    """
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.ndim == 0:
            return plain(plain_values(array[None])[0])
        return [plain(item) for item in (plain_values(array) if array.ndim == 1 else array)]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | Set):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
