"""What sections of a study are made of: strict scalars, immutable mappings, lists that may be one value."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    Strict,
    StringConstraints,
    WrapSerializer,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

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


# "5" is not 5 and true is not 1: a study says what it means, so nothing is converted behind the user's back.
Integer = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Flag = Annotated[bool, Strict()]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)]
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=96)]


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else [value]


def _freeze(value: Mapping[str, Any]) -> Mapping[str, Any]:
    return FrozenMapping(value)


def _thaw(value: Mapping[str, Any], serialize: SerializerFunctionWrapHandler) -> Any:
    return serialize(dict(value))


class _OneOrManySchema:
    """Tell editors that the list may be written as its only member."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        many = handler(schema)
        return {"anyOf": [many.get("items", {}), many]}


# A list that may be written as its only member, and a mapping that stays as it was read.
OneOrMany = Annotated[tuple[Value, ...], BeforeValidator(_as_list), _OneOrManySchema()]
Table = Annotated[Mapping[str, Value], AfterValidator(_freeze), WrapSerializer(_thaw)]
