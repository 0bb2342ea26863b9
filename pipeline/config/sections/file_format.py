"""Formats of data files, and the endings of file names that tell them: the only table of both."""

from collections.abc import Collection
from pathlib import Path
from typing import Literal, get_args

from pipeline.config.sections.location import is_url
from pipeline.names import one_of

Format = Literal["csv", "parquet", "excel", "netcdf", "zarr"]
LedgerFormat = Literal["csv", "parquet", "excel"]
"""Formats of postings, which are always a table."""
FORMATS: tuple[Format, ...] = get_args(Format)
LEDGER_FORMATS: tuple[Format, ...] = get_args(LedgerFormat)

_ENDINGS: dict[Format, tuple[str, ...]] = {
    "csv": (".csv", ".tsv", ".txt"),
    "parquet": (".parquet", ".pq", ".parq"),
    "excel": (".xlsx", ".xlsm", ".xls"),
    "netcdf": (".nc", ".nc4", ".cdf", ".netcdf"),
    "zarr": (".zarr",),
}
# Tables of text are decompressed while they are read.
_COMPRESSIONS = (".gz", ".bz2", ".xz")


def format_of(location: str) -> Format | None:
    """Tell the format of a file from its name; None when the name does not tell.

    Parameters
    ----------
    location
        Path or URL. A folder on this machine without an ending is Parquet, in several files.
    """
    name = location.rstrip("/").lower()
    for compression in _COMPRESSIONS:
        if name.endswith(compression):
            plain = name.removesuffix(compression)
            return "csv" if plain.endswith(_ENDINGS["csv"]) else None
    for format_, endings in _ENDINGS.items():
        if name.endswith(endings):
            return format_
    return "parquet" if not is_url(location) and Path(location).is_dir() else None


def expected_endings(formats: Collection[Format] = FORMATS) -> str:
    """Say which endings files of some formats have, as a piece of a sentence."""
    return f"a file that ends in {one_of(ending for format_ in formats for ending in _ENDINGS[format_])}"
