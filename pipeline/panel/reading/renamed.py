"""Rows under the names that a study gives to columns; wide tables, with a column a firm, made long."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config.sections.data import DataSection
from pipeline.names import did_you_mean, one_of
from pipeline.panel.findings import Problems
from pipeline.panel.reading.tables import Chunk, Reader


@dataclass(frozen=True)
class RenamedReader:
    """Rows of another reader, with further names for its columns.

    Attributes
    ----------
    reader : Reader
        The source.
    names : mapping of str to str
        Column of the source, by new name.
    """

    reader: Reader
    names: Mapping[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns: the new ones in place of those they stand for."""
        replaced = set(self.names.values())
        return (*self.names, *(name for name in self.reader.columns if name not in replaced))

    def chunks(self, names: Sequence[str], problems: Problems) -> Iterator[Chunk]:
        """Give the rows of some columns."""
        source = {name: self.names.get(name, name) for name in names}
        for chunk in self.reader.chunks(list(dict.fromkeys(source.values())), problems):
            yield Chunk({name: chunk.columns[of] for name, of in source.items()}, chunk.rows)


@dataclass(frozen=True)
class WideReader:
    """Rows of a table with a column a firm, one for each firm that has sales there.

    Attributes
    ----------
    reader : Reader
        The source.
    firm : str
        Name of the column of firms that is made.
    firms : tuple of str
        Their labels.
    wide : mapping of str to mapping
        For every column that is made, the column of the source of every firm.
    sales : str
        The column that is made of sales: where it is empty the firm is absent.
    """

    reader: Reader
    firm: str
    firms: tuple[str, ...]
    wide: Mapping[str, Mapping[str, str]]
    sales: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns: those that are made, and those of the source that are not used for them."""
        used = {column for of in self.wide.values() for column in of.values()}
        return (self.firm, *self.wide, *(name for name in self.reader.columns if name not in used))

    def chunks(self, names: Sequence[str], problems: Problems) -> Iterator[Chunk]:
        """Give the rows of some columns."""
        made = [name for name in dict.fromkeys([*names, self.sales]) if name in self.wide]
        common = [name for name in names if name not in self.wide and name != self.firm]
        needed = [self.wide[name][firm] for name in made for firm in self.firms]
        for chunk in self.reader.chunks(list(dict.fromkeys([*common, *needed])), problems):
            for code, firm in enumerate(self.firms):
                sales = chunk.columns[self.wide[self.sales][firm]]
                present = pa.array(np.flatnonzero(pc.is_valid(sales).to_numpy(zero_copy_only=False)))
                columns = {name: chunk.columns[name].take(present) for name in common}
                columns |= {name: chunk.columns[self.wide[name][firm]].take(present) for name in made}
                codes = pa.array(np.full(len(present), code), pa.int32())
                columns[self.firm] = pa.DictionaryArray.from_arrays(codes, pa.array(self.firms))
                yield Chunk(columns, None if chunk.rows is None else chunk.rows[present.to_numpy()])


def rename_columns(reader: Reader, data: DataSection) -> Reader:
    """Give a source the names of a study, and a row a firm if it is wide.

    Raises
    ------
    DataError
        With every column that is not there, and every firm that lacks a column.
    """
    if not data.columns:
        return reader
    problems = Problems(data.location)
    for name, of in data.columns.items():
        for key, column in of.items() if isinstance(of, Mapping) else [("", of)]:
            if column not in reader.columns:
                where = f"data.columns.{name}{key and '.'}{key}"
                hint = did_you_mean(column, reader.columns)
                problems.add("unknown columns", where, f"the column {column}", one_of(reader.columns), hint)
    wide = data.wide
    if wide:
        _check_wide(wide, data, problems)
    problems.raise_if_any()
    plain = {name: of for name, of in data.columns.items() if isinstance(of, str)}
    renamed = RenamedReader(reader, plain) if plain else reader
    if not wide:
        return renamed
    return WideReader(renamed, data.firm, tuple(wide[data.sales]), wide, data.sales)


def _check_wide(wide: Mapping[str, Mapping[str, str]], data: DataSection, problems: Problems) -> None:
    """Report a wide table without sales, and columns that some firms lack."""
    if data.sales not in wide:
        expected = f"a column of {data.sales} for each firm, as for {next(iter(wide))}"
        problems.add("wide tables", f"data.columns.{data.sales}", "nothing", expected)
        return
    firms = set(wide[data.sales])
    for name, of in wide.items():
        if set(of) != firms:
            got = f"columns of the firms {', '.join(sorted(of))}"
            problems.add("wide tables", f"data.columns.{name}", got, f"those of {', '.join(sorted(firms))}")
