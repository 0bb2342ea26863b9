"""The section `data` of a study: where the panel is read from, and what its columns mean."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from pipeline.config.place import Location
from pipeline.config.sections.file_format import Format
from pipeline.config.sections.types import (
    CalendarFrequency,
    Integer,
    LocatedSection,
    Name,
    OneOrMany,
    Positive,
    Section,
    Table,
    optional_table,
    refusal,
)

EffortKind = Literal["ratio", "amount", "index"]
EffortRole = Literal["price"]
Frequency = Literal["integer", CalendarFrequency]

PRICE_FUNCTIONS: dict[str, int | tuple[int, int]] = {"market_mean": 1}
"""Those of formulas over a price that firms set: they can be evaluated again in periods to come."""

EFFORT_FUNCTIONS: dict[str, int | tuple[int, int]] = {"market_mean": 1, "firm_mean": 1, "lag": (1, 2)}
"""Functions that formulas of efforts have besides the usual ones, with their numbers of arguments."""


class EffortSection(Section):
    """One input u of the market function f: a column of the data, or a formula over its columns."""

    column: str | None = Field(
        default=None,
        description="Column that holds the effort; without column and formula, the effort's own name.",
    )
    formula: str | None = Field(
        default=None,
        description="Formula over columns, e.g. `log(market_mean(price) / price)`; besides the usual "
        "functions `market_mean(x)` (over the firms of a market in a period), `firm_mean(x)` (over the "
        "periods of a firm) and `lag(x)` (the firm's previous period).",
    )
    kind: EffortKind = Field(
        default="index",
        description="ratio: expense over the firm's own sales, E/X; amount: expense over the market's "
        "reference sales, E/X_ref; index: any other number (a flag, a log price, a turnover).",
    )
    role: EffortRole | None = Field(
        default=None,
        description="price: firms set the column, a price in currency, and the effort is an index of it: the "
        "column, or a formula over it such as `log(price / market_mean(price))`. Scenarios and games then "
        "set prices in currency, and pay for a cut through the margin given up.",
    )
    unit: str = Field(default="1", description="Unit shown in tables and plots.")
    description: str = Field(default="", description="A few words for tables and plots.")

    @model_validator(mode="after")
    def _column_or_formula(self) -> Self:
        if self.role is not None:
            if self.column is None:
                raise refusal("a role without a column", "the column of the price beside the formula")
            if self.kind != "index":
                raise refusal(
                    f"the role price with the kind {self.kind}", "the kind index: prices are no money"
                )
        elif self.column is not None and self.formula is not None:
            raise refusal("both column and formula", "one of the two: an effort is a column or a formula")
        return self

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the role where there is none: what was written before there were roles keeps its hash."""
        content: dict[str, Any] = handler(self)
        return {key: value for key, value in content.items() if key != "role" or value is not None}


def effort_table(value: Any) -> Any:
    """Write a name, or a list of names, as a mapping of names to nothing; leave other values as they are."""
    names = [value] if isinstance(value, str) else value
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        return dict.fromkeys(names)
    return value


def _spell_out_efforts(value: Any) -> Any:
    """Write every effort as a mapping; it may be a column's name, or nothing when it has that name."""
    table = effort_table(value)
    if not isinstance(table, dict):
        return table
    return {name: _spell_out_effort(name, effort) for name, effort in table.items()}


def _spell_out_effort(name: Any, effort: Any) -> Any:
    if effort is None or isinstance(effort, str):
        return {"column": effort or name}
    if isinstance(effort, dict) and effort.keys().isdisjoint({"column", "formula"}):
        return {"column": name, **effort}
    return effort


Efforts = Annotated[
    Table[EffortSection],
    BeforeValidator(
        _spell_out_efforts, json_schema_input_type=dict[Name, EffortSection | str | None] | list[Name] | Name
    ),
]


def _known_encoding(name: str) -> str:
    """Refuse names of encodings that Python does not know."""
    try:
        "".encode(name)
    except LookupError:
        raise refusal(f"the encoding {name}", "utf-8, utf-16, cp1252, cp1251, or another one") from None
    return name


Encoding = Annotated[str, AfterValidator(_known_encoding)]


class PanelSection(LocatedSection):
    """How data become a panel, whatever they are read from."""

    efforts: Efforts = Field(min_length=1, description="The inputs of f: name, and column or formula.")
    markets: OneOrMany[Integer | str] | None = Field(
        default=None, description="Use these markets only; by default all of them."
    )
    filter: str | None = Field(
        default=None, description="Use these rows only: a formula over columns, e.g. `week >= 60`."
    )
    reference_sales: Positive | None = Field(
        default=None,
        description="X_ref, the fixed scale of a market in the unit of the sales per period; by default each "
        "market's mean total sales.",
    )
    encoding: Encoding | None = Field(
        default=None,
        description="Encoding of a CSV file that is not UTF-8, as Python names it: cp1252 (Windows, "
        "western), cp1251 (Windows, Cyrillic), utf-16, ...",
    )

    @model_serializer(mode="wrap")
    def _written_with_encoding(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the encoding where there is none: what was written before keeps its hash."""
        content: dict[str, Any] = handler(self)
        return {key: value for key, value in content.items() if key != "encoding" or value is not None}


class DataSection(PanelSection):
    """A tidy table (a row per market, firm and period) or labelled dataset, and what its columns mean."""

    file: Location = Field(
        description="Path, relative to the study file, or URL (s3://, https://, ...) of a CSV, Parquet or "
        "Excel table or of a netCDF or zarr dataset."
    )
    format: Format | None = Field(
        default=None, description="Format of the file; by default from the ending of its name."
    )
    sheet: str | None = Field(default=None, description="Sheet of a workbook; by default the first one.")
    decimal: Literal[".", ","] = Field(
        default=".",
        description="Sign before the decimals in a CSV file. With a comma thousands may be grouped: 1.234,5.",
    )
    columns: Table[str | Table[str]] = optional_table(
        "Other names for columns, such as formulas can use: `price: Price (EUR)`. In a wide table, with a "
        "column a firm, the columns of all firms: `sales: {North: sales_north, South: sales_south}`; then "
        "`firm` is the name of a new column, and a firm without sales in a row is absent."
    )
    market: str | None = Field(
        default=None, description="Column that names the market; without it the whole table is one market."
    )
    firm: str = Field(description="Column that names the firm.")
    time: str = Field(
        description="Column that gives the period: whole numbers or ISO dates, or as date_format says."
    )
    date_format: str | None = Field(
        default=None,
        description="How dates are written where they are no ISO dates, in the signs of Python's strptime: "
        "`%d.%m.%Y`, `%m/%d/%Y`, `%Y%m`.",
    )
    frequency: Frequency | None = Field(
        default=None,
        description="What one period is; by default found from the time column. A gap is one longer period.",
    )
    sales: str = Field(description="Column of the firm's sales in the period.")
    currency: str = Field(default="currency", description="Unit of the sales.")

    @property
    def location(self) -> str:
        """Path or URL of the file, relative paths taken from the study file's folder."""
        return self.resolve(self.file)

    @property
    def wide(self) -> dict[str, Mapping[str, str]]:
        """Columns with a value a firm, of a wide table: the column of every firm, by new name."""
        return {name: of for name, of in self.columns.items() if isinstance(of, Mapping)}
