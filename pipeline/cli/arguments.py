"""Reading what the commands that look ahead take as text: targets, bounds, prices, margins."""

import re
from typing import Any, NoReturn

from pipeline.errors import PlanError


def parse_target(text: str | None) -> dict[str, Any]:
    """Read ``share=0.20 by=2027-06``; either part may be missing.

    Raises
    ------
    PlanError
        Anything else.
    """
    target: dict[str, Any] = {}
    for part in re.split(r"[\s,]+", text.strip()) if text else ():
        key, equals, value = part.partition("=")
        if key == "share" and equals:
            percent = value.endswith("%")
            share = _number(value.removesuffix("%"), "--target", "share=0.20 or share=20%")
            target["target"] = share / 100 if percent else share
        elif key == "by" and value:
            target["by"] = value
        else:
            raise PlanError(f"Got --target {text!r}; expected 'share=0.20 by=2027-06' (at {part!r}).")
    return target


def parse_bounds(texts: list[str] | None) -> dict[str, list[float | None]]:
    """Read ``effort=low:high`` each; a side left empty is open.

    Raises
    ------
    PlanError
        Anything else.
    """
    bounds: dict[str, list[float | None]] = {}
    for text in texts or ():
        effort, equals, span = text.partition("=")
        low, colon, high = span.partition(":")
        if not (effort and equals and colon):
            raise PlanError(f"Got --bound {text!r}; expected EFFORT=LOW:HIGH, e.g. discount=0:0.1.")
        bounds[effort] = [
            _number(side, "--bound", "EFFORT=LOW:HIGH, e.g. discount=0:0.1") if side else None
            for side in (low, high)
        ]
    return bounds


def parse_prices(texts: list[str] | None) -> dict[str, float]:
    """Read ``effort=money`` each; see `parse_numbers`."""
    return parse_numbers(texts, "--price", "EFFORT=MONEY, e.g. feature=1000")


def parse_numbers(texts: list[str] | None, option: str, expected: str) -> dict[str, float]:
    """Read ``effort=number`` each.

    Raises
    ------
    PlanError
        Anything else.
    """
    numbers = {}
    for text in texts or ():
        effort, equals, number = text.partition("=")
        if not (effort and equals):
            raise PlanError(f"Got {option} {text!r}; expected {expected}.")
        numbers[effort] = _number(number, option, expected)
    return numbers


def parse_margins(texts: list[str] | None) -> float | dict[str, float] | None:
    """Read one margin for all firms, or ``firm=margin`` for each.

    Raises
    ------
    PlanError
        Anything else.
    """
    expected = "one number, or FIRM=MARGIN for each firm"
    if not texts:
        return None
    if len(texts) == 1 and "=" not in texts[0]:
        return _number(texts[0], "--margin", expected)
    margins = {}
    for text in texts:
        firm, _, value = text.rpartition("=")
        margins[firm] = _number(value, "--margin", expected) if firm else _refuse("--margin", text, expected)
    return margins


def _number(text: str, option: str, expected: str) -> float:
    try:
        return float(text)
    except ValueError:
        _refuse(option, text, expected)


def _refuse(option: str, text: str, expected: str) -> NoReturn:
    raise PlanError(f"Got {text!r} in {option}; expected {expected}.")
