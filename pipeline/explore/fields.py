"""Fields of forms, read from the query of an address."""

from collections.abc import Mapping

import numpy as np

from pipeline.errors import QueryError


def number(query: Mapping[str, str], key: str, default: float) -> float:
    """Read a number; the default where the field is empty.

    Raises
    ------
    QueryError
        Something else.
    """
    text = query.get(key, "").strip()
    try:
        value = float(text) if text else default
    except ValueError:
        value = np.nan
    if np.isnan(value):
        raise QueryError(f"Got {text!r} in the field {key}; expected a number.")
    return value


def page_number(query: Mapping[str, str], pages: int) -> int:
    """Read the number of a page, from 1; one beyond the last is the last."""
    text = query.get("page", "1")
    if not text.isdecimal() or text == "0":
        raise QueryError(f"Got the page {text!r}; expected a number from 1 to {pages}.")
    return min(int(text), pages)


def chosen_model(query: Mapping[str, str], models: tuple[str, ...], default: str | None) -> str:
    """Read the name of a model.

    Parameters
    ----------
    query
        Of the address.
    models
        All there are.
    default
        Taken where none is named; the first one when None.

    Raises
    ------
    QueryError
        There is none of this name, or none at all.
    """
    wanted = query.get("model") or default or (models[0] if models else "")
    if wanted not in models:
        raise QueryError(f"No model {wanted!r}; the models are {', '.join(models) or 'none yet'}.")
    return wanted
