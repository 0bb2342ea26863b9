"""Reading the first rows of a table of whose columns nothing is known."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from pipeline.config.sections.data import DataSection
from pipeline.panel.findings import Problems
from pipeline.panel.reading.formats import open_source
from pipeline.panel.reading.numbers import read_numbers
from pipeline.panel.reading.sample import Column, Sample
from pipeline.panel.reading.tables import Reader

ROWS = 500_000
"""Rows that are looked at."""
_UNKNOWN = {"firm": "-", "time": "-", "sales": "-", "efforts": ["-"]}


def describe_table(file: str, folder: str, **keys: Any) -> DataSection:
    """Describe a file whose columns are not known yet, as a study in a folder would.

    Parameters
    ----------
    file, folder : str
        As in a study: a path relative to the folder, or a URL.
    **keys
        What is known already, as in the section `data`.
    """
    return DataSection.model_validate({**_UNKNOWN, "file": file, **keys}, context={"folder": folder})


def read_sample(data: DataSection) -> Sample:
    """Read the first rows of a table; without a word on decimals they are found out.

    Raises
    ------
    DataError
        When the file cannot be read.
    """
    problems = Problems(data.location)
    reader, _ = open_source(data)
    names = [name for name in reader.columns if not name.startswith("<column")]
    chunks, complete = _first_chunks(reader, names, problems)
    problems.raise_if_any()
    decimal = data.decimal
    columns = {name: _column(name, chunks[name], decimal) for name in names}
    if any(pa.types.is_string(array.type) for array in chunks.values()):
        with_comma = {name: _column(name, array, ",") for name, array in chunks.items()}
        if "decimal" not in data.model_fields_set and _numbers(with_comma) > _numbers(columns):
            decimal, columns = ",", with_comma
    rows = len(next(iter(chunks.values()))) if chunks else 0
    return Sample(columns, rows, complete, decimal)


def _first_chunks(
    reader: Reader, names: list[str], problems: Problems
) -> tuple[dict[str, pa.ChunkedArray], bool]:
    parts: dict[str, list[pa.Array]] = {name: [] for name in names}
    rows, complete = 0, True
    for chunk in reader.chunks(names, problems):
        if rows >= ROWS:
            complete = False
            break
        for name in names:
            array = chunk.columns[name]
            parts[name].append(array.dictionary_decode() if isinstance(array, pa.DictionaryArray) else array)
        rows += len(parts[names[0]][-1])
    joined = {
        name: pa.concat_arrays(arrays) if arrays else pa.array([], pa.string())
        for name, arrays in parts.items()
    }
    return joined, complete


def _column(name: str, array: pa.Array, decimal: str) -> Column:
    aside = Problems("")
    numbers = read_numbers(array, name, aside, decimal)
    texts = pd.Series(array.cast(pa.string()).to_pylist(), dtype=object).str.strip()
    return Column(name, texts.where(texts != "", None), numbers.values, numbers.text.size)


def _numbers(columns: Mapping[str, Column]) -> int:
    return sum(column.is_number for column in columns.values())
