"""Settings of plans and games."""

import pytest
from pydantic import ValidationError

from pipeline.config.sections.game import GameSettings
from pipeline.config.sections.planning import PlanSettings
from pipeline.config.sections.scenario import Scenario
from pipeline.config.settings import load_settings, settings_of
from pipeline.errors import ConfigError


@pytest.mark.parametrize(("kind", "what"), [(PlanSettings, "plan"), (GameSettings, "game")])
def test_prices_are_positive(tmp_path, kind, what):
    path = tmp_path / "settings.yaml"
    path.write_text("firm: A\nprices:\n  stocks: 0\n" if kind is PlanSettings else "prices:\n  stocks: 0\n")
    with pytest.raises(ConfigError, match=f"^{what.capitalize()} {path}: 1 problem") as refused:
        load_settings(kind, path, what=what)
    assert "got a price of 0 for stocks; expected prices > 0." in str(refused.value)


def test_refusals_read_well_in_python_too():
    with pytest.raises(ValidationError, match="got a price of 0 for stocks; expected prices > 0"):
        PlanSettings(firm="A", prices={"stocks": 0})


def test_options_replace_the_file_and_overrides(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text("firm: A\nby: '+6'\nseed: 1\n")
    given = {"firm": "B"}
    plan = load_settings(PlanSettings, path, given=given, overrides=["seed=2", "firm=C"], what="plan")
    assert (plan.firm, plan.by, plan.seed) == ("B", "+6", 2)
    assert load_settings(PlanSettings, given=given, what="plan").firm == "B"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("- a\n", ["a.yaml:1: got a list of 1; expected a scenario: a mapping with its keys."]),
        ("", ["a.yaml: got an empty file; expected a scenario."]),
        ("scenario: a\nscenario: b\nhorizon: 0\n", ["2: scenario: got the key a", "3: horizon: got 0"]),
    ],
)
def test_every_problem_is_reported(tmp_path, text, lines):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_settings(Scenario, tmp_path / "a.yaml", what="scenario")
    assert len(refused.value.problems) == len(lines)
    for line in lines:
        assert line in str(refused.value)


def test_settings_may_be_ready_a_file_or_a_mapping(tmp_path):
    ready = Scenario(scenario="calm", horizon=3)
    (tmp_path / "calm.yaml").write_text("scenario: calm\nhorizon: 3\n")
    for given in (
        ready,
        tmp_path / "calm.yaml",
        str(tmp_path / "calm.yaml"),
        {"scenario": "calm", "horizon": 3},
    ):
        assert settings_of(Scenario, given, what="scenario").model_dump() == ready.model_dump()
    with pytest.raises(ConfigError) as caught:
        settings_of(Scenario, {"scenario": "calm", "horizn": 3}, what="scenario")
    (problem,) = caught.value.problems
    assert str(problem).startswith("horizn: got")
    with pytest.raises(TypeError, match="Got int for a scenario; expected Scenario, a mapping or a path"):
        settings_of(Scenario, 3, what="scenario")
