"""Pages of the reference that follow from the program: keys of settings, commands, tables, exit codes.

Called by `conf.py` before the site is built, so that no page can fall behind.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.cli.app import EXIT_CODES
from pipeline.config.json_schema import study_schema
from pipeline.config.sections.allocation import AllocationSettings
from pipeline.config.sections.game import GameSettings
from pipeline.config.sections.planning import PlanSettings
from pipeline.config.sections.scenario import Scenario
from pipeline.results.tables.dictionary.columns import describe_columns
from pipeline.results.tables.registry import TABLES

FOLDER = Path(__file__).parent / "generated"


def write_all() -> None:
    """Write all generated pages into `FOLDER`."""
    FOLDER.mkdir(exist_ok=True)
    pages = {
        "study": keys_page("Keys of a study", study_schema()),
        "scenario": keys_page("Keys of a scenario", Scenario.model_json_schema()),
        "plan": keys_page("Keys of a plan", PlanSettings.model_json_schema()),
        "game": keys_page("Keys of a game", GameSettings.model_json_schema()),
        "allocation": keys_page("Keys of an allocation", AllocationSettings.model_json_schema()),
        "commands": commands_page(),
        "tables": tables_page(),
        "exit_codes": exit_codes_page(),
    }
    for name, text in pages.items():
        (FOLDER / f"{name}.md").write_text(f"{text.rstrip()}\n")


def keys_page(title: str, schema: Mapping[str, Any]) -> str:
    """Write the keys of a JSON schema, section by section in the order that they are met."""
    lines, waiting, seen = [f"# {title}", "", _sentence(schema.get("description", "")), ""], [], set()
    lines += [*_keys(schema), ""]
    waiting += _sections(schema)
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        section = schema["$defs"][name]
        lines += [f"({title.lower().replace(' ', '-')}-{name.lower()})=", f"## {_plain(name)}", ""]
        lines += [_sentence(section.get("description", "")), "", *_keys(section), ""]
        waiting += _sections(section)
    return "\n".join(lines)


def _keys(section: Mapping[str, Any]) -> Iterator[str]:
    """Write a section's keys as rows of a table."""
    if "properties" not in section:
        yield f"One of {_kind(section)}."
        return
    yield "| key | takes | default | |"
    yield "|---|---|---|---|"
    required = section.get("required", ())
    for key, value in section["properties"].items():
        default = "required" if key in required else _default(value.get("default"))
        yield f"| `{key}` | {_kind(value)} | {default} | {_sentence(value.get('description', ''))} |"


def _kind(value: Mapping[str, Any]) -> str:
    """Say what a key takes."""
    choices = value.get("anyOf") or value.get("oneOf")
    if choices:
        return " or ".join(dict.fromkeys(_kind(one) for one in choices))
    if "$ref" in value:
        return _plain(value["$ref"].rpartition("/")[2])
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    if "const" in value:
        return f"`{value['const']}`"
    kind = value.get("type", "anything")
    if kind == "array":
        return f"list of {_kind(value.get('items', {}))}"
    if kind == "object":
        inner = value.get("additionalProperties")
        return f"mapping to {_kind(inner)}" if isinstance(inner, dict) and inner else "mapping"
    bounds = [
        f"{sign} {value[name]:g}"
        for name, sign in (
            ("minimum", "≥"),
            ("exclusiveMinimum", ">"),
            ("maximum", "≤"),
            ("exclusiveMaximum", "<"),
        )
        if isinstance(value.get(name), int | float)
    ]
    words = {"integer": "whole number", "string": "text", "boolean": "`true`, `false`", "null": "nothing"}
    return " ".join([words.get(kind, kind), *bounds])


def _default(value: Any) -> str:
    if value is None or value in ({}, [], ""):
        return "–"
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).strip().removesuffix("...").strip()
    return f"`{text}`" if len(text) <= 40 else "see there"


def _sections(value: Any) -> list[str]:
    """Name the sections that a part of a schema speaks of, in order."""
    if isinstance(value, dict):
        own = [value["$ref"].rpartition("/")[2]] if "$ref" in value else []
        return own + [name for key, one in value.items() if key != "$defs" for name in _sections(one)]
    return [name for one in value for name in _sections(one)] if isinstance(value, list) else []


def _plain(name: str) -> str:
    """Write the name of a section as words: ``DataSection`` as data."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return words.strip().removesuffix(" section").removesuffix(" settings")


def _sentence(text: str) -> str:
    return " ".join(text.split("\n\n")[0].split()).replace("|", "\\|").replace("<", "&lt;")


def commands_page() -> str:
    """Write what `beed --help` says of every command."""
    made = subprocess.run(
        [sys.executable, "-m", "typer", "pipeline.cli.app", "utils", "docs", "--name", "beed"],
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout.replace("# `beed`", "# Commands", 1)


def exit_codes_page() -> str:
    """Write the exit codes with what they mean."""
    lines = ["# Exit codes", "", "| code | name | meaning |", "|---|---|---|"]
    return "\n".join(lines + [f"| {code} | `{code.name}` | {text} |" for code, text in EXIT_CODES.items()])


def tables_page() -> str:
    """Write the tables of SQL with unit and meaning of their columns."""
    lines = [
        "# Tables of SQL",
        "",
        "`beed query STORE --sql`, `store.sql()`, `store.table(name)` and Parquet exports. What stands here can be "
        "asked for, too: `select * from columns where of_table = 'fits'`. `1` is a number without unit; labels, texts and dates have none.",
    ]
    described = describe_columns()
    for name, entry in TABLES.items():
        lines += [
            "",
            f"## `{name}`",
            "",
            f"A row is {entry.sentence}.",
            "",
            "| column | unit | |",
            "|---|---|---|",
        ]
        for column, (unit, meaning) in described[name].items():
            lines.append(f"| `{column}` | {unit or '–'} | {_sentence(meaning)} |")
    return "\n".join(lines)
