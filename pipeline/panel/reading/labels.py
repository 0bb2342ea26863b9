"""Labels of markets, firms and periods as codes, and sorted."""

import re
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_INTEGER = re.compile(r"0|-?[1-9]\d{0,17}")
MISSING = -1
"""Code of a missing label."""


class Labels:
    """Texts and their codes, in the order in which they first appear; spaces around a text are removed.

    Attributes
    ----------
    texts : list of str
        By code.
    used : set of int
        Codes of the labels in rows that are kept.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.used: set[int] = set()
        self._codes: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.texts)

    def code(self, text: str) -> int:
        """Give the code of a text; a new text gets the next one."""
        code = self._codes.setdefault(text, len(self.texts))
        if code == len(self.texts):
            self.texts.append(text)
        return code

    def encode(self, column: pa.Array) -> np.ndarray:
        """Give the codes of a column of any type, shape (rows,); `MISSING` for nulls and empty texts."""
        if not isinstance(column, pa.DictionaryArray):
            column = column.dictionary_encode()
        texts = column.dictionary
        if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
            texts = pc.cast(texts, pa.string())
        stripped = [(text or "").strip() for text in texts.to_pylist()]
        codes = [self.code(text) if text else MISSING for text in stripped]
        table = np.array([*codes, MISSING], dtype=np.int32)
        return table[pc.fill_null(column.indices, len(codes)).to_numpy(zero_copy_only=False)]


def sort_labels(texts: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Sort labels, as numbers if all of them are whole numbers, else as text.

    Returns
    -------
    labels : (L,) array of int64 or fixed-width str
        Sorted.
    position : (L,) array of int32
        Position of each text in `labels`.
    """
    listed = list(texts)
    whole = all(_INTEGER.fullmatch(text) for text in listed)
    values = np.array(
        [int(text) for text in listed] if whole else listed, dtype=np.int64 if whole else np.str_
    )
    order = np.argsort(values, kind="stable")
    position = np.empty(len(listed), dtype=np.int32)
    position[order] = np.arange(len(listed), dtype=np.int32)
    return values[order], position


def similar(texts: Iterable[str]) -> list[str]:
    """List pairs of texts that differ only in case or spaces, as ``'Ford' and 'ford'``."""
    first_with: dict[str, str] = {}
    pairs = []
    for text in texts:
        key = "".join(text.split()).casefold()
        other = first_with.setdefault(key, text)
        if other != text:
            pairs.append(f"{other!r} and {text!r}")
    return pairs
