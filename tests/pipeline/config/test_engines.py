"""One table of engines: sections, help texts and the documentation say what it says."""

from places import ROOT
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.config.engines import ENGINES, engines_with
from pipeline.config.json_schema import study_schema
from pipeline.config.sections.cluster import ClusterSection


def test_settings_are_keys_of_the_section_and_every_key_belongs_to_an_engine():
    taken = {setting for engine in ENGINES.values() for setting in engine.settings}
    keys = {field.alias or name for name, field in ClusterSection.model_fields.items()}
    assert taken == keys - {"kind"}


def test_the_schema_of_studies_lists_the_engines():
    kind = study_schema()["$defs"]["ClusterSection"]["properties"]["kind"]
    assert kind["enum"] == list(ENGINES)
    assert all(f"{engine.name}: {engine.help}" in kind["description"] for engine in ENGINES.values())


def test_the_command_line_lists_the_engines():
    help_text = " ".join(CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "200"}).output.split())
    for engine in ENGINES.values():
        assert f"{engine.name} ({engine.help})" in help_text
    assert f"({', '.join(engines_with('workers'))})" in help_text


def test_the_documentation_lists_the_engines():
    lines = [
        f"- `{engine.name}`: {engine.help}"
        + (f"; takes {', '.join(f'`{setting}`' for setting in engine.settings)}" if engine.settings else "")
        for engine in ENGINES.values()
    ]
    assert "\n".join(lines) + "\n" in (ROOT / "notebooks" / "howto" / "cluster.md").read_text()
