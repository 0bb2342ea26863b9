"""What sections are made of: strict scalars, immutable mappings, values that may be written short."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    Strict,
    StringConstraints,
    WrapSerializer,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from pipeline.config.sections.location import resolve_location

Value = TypeVar("Value")


class FrozenMapping[Item](Mapping[str, Item]):
    """A mapping that cannot change after it was made: keeps order, can be hashed and pickled.

    A study is handed to every worker and to every module; none of them may alter what the others see.
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, Item]) -> None:
        self._items = dict(items)

    def __getitem__(self, key: str) -> Item:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return f"FrozenMapping({self._items!r})"

    def __reduce__(self) -> tuple[type, tuple[dict[str, Item]]]:
        return type(self), (self._items,)


class Section(BaseModel):
    """A part of a study: unknown keys are refused, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class LocatedSection(Section):
    """A section with paths that are relative to the folder of its file."""

    _folder: str = PrivateAttr(default="")

    def model_post_init(self, context: Any, /) -> None:
        """Remember the folder."""
        self._folder = (context or {}).get("folder", "")

    def resolve(self, location: str) -> str:
        """Give a path or URL of the section as it can be opened from anywhere."""
        return resolve_location(location, self._folder)


def refusal(got: str, expected: str) -> PydanticCustomError:
    """Make the error of a section whose values do not go together.

    Parameters
    ----------
    got, expected
        As in `pipeline.errors.Problem`.
    """
    return PydanticCustomError(
        "refused", "got {got}; expected {expected}", {"got": got, "expected": expected}
    )


_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"

# "5" is not 5 and true is not 1: a study says what it means, so nothing is converted silently.
MOST = 1_000_000
"""The largest count: beyond it a typing error is likelier than memory."""
Integer = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Flag = Annotated[bool, Strict()]
Count = Annotated[Integer, Field(ge=1, le=MOST)]
Positive = Annotated[Number, Field(gt=0)]
Fraction = Annotated[Number, Field(ge=0, lt=1)]
Gain = Annotated[Number, Field(ge=0.0, le=1.0)] | Literal["estimated"]
"""Part of an error that lasts, or that it is a parameter."""
Autocorrelation = Annotated[Number, Field(gt=-1.0, lt=1.0)] | Literal["estimated"]
"""What of an error is left in the next period, or that it is a parameter."""
Name = Annotated[str, StringConstraints(pattern=_NAME, max_length=64)]
CalendarFrequency = Literal["day", "week", "month", "quarter", "year"]
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=96)]
Seed = Annotated[Integer, Field(ge=0, description="Root of all random numbers.")]


def optional_table(description: str) -> Any:
    """Make the field of a table that may be left out."""
    return Field(default_factory=dict, validate_default=True, description=description)


def is_name(text: str) -> bool:
    """Tell whether formulas can use a text as a name: letters, digits and underscores, no digit first."""
    return re.fullmatch(_NAME, text) is not None


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else [value]


def _freeze(value: Mapping[str, Any]) -> Mapping[str, Any]:
    return FrozenMapping(value)


def _thaw(value: Mapping[str, Any], serialize: SerializerFunctionWrapHandler) -> Any:
    return serialize(dict(value))


def _nothing_as_empty(value: Any) -> Any:
    return {} if value is None else value


class _OneOrManySchema:
    """Tells editors that the list may be written as its only item."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        many = handler(schema)
        return {"anyOf": [many.get("items", {}), many]}


class _OrNothingSchema:
    """Tells editors that nothing need follow the key."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [handler(schema), {"type": "null"}]}


OneOrMany = Annotated[tuple[Value, ...], BeforeValidator(_as_list), _OneOrManySchema()]
"""A list that may be written as its only item."""
OrNothing = Annotated[Value, BeforeValidator(_nothing_as_empty), _OrNothingSchema()]
"""A section, or a mapping, that is empty when nothing follows its key."""
Table = Annotated[Mapping[str, Value], AfterValidator(_freeze), WrapSerializer(_thaw)]
"""A mapping of names to values that stays as it was read."""
