"""The section `recalibration` of a study is checked like every other."""

import growing
import jsonschema
import pytest

from pipeline.config.json_schema import study_schema
from pipeline.config.load import load_study
from pipeline.config.yaml.document import read_yaml
from pipeline.errors import ConfigError

_GIVEN = 'recalibration: {schedule: "0 6 * * 1", starts: 1}'


def load(folder, section):
    text = growing.STUDY.replace(_GIVEN, f"recalibration: {section}")
    return load_study(growing.write(folder, growing.rows(2), text))


def test_defaults(tmp_path):
    study = load(tmp_path, "")
    asked = study.recalibration
    assert (asked.schedule, asked.rolling, asked.starts, asked.late) == (None, None, 3, 1)
    assert (asked.thresholds.change, asked.thresholds.best_model) == (3.0, False)
    assert load(tmp_path, "{thresholds: {change: null}}").recalibration.thresholds.change is None
    assert load(tmp_path, "{window: rolling 104}").recalibration.rolling == 104


@pytest.mark.parametrize(
    ("section", "key", "why"),
    [
        ("{schedul: x}", "recalibration.schedul", "Did you mean 'schedule'"),
        ('{schedule: "61 * * * *"}', "recalibration.schedule", "0 to 59"),
        ("{schedule: 5}", "recalibration.schedule", "text"),
        ("{window: sliding}", "recalibration.window", "sliding"),
        ("{window: rolling 2}", "recalibration.window", "at least 3 periods"),
        ("{starts: 4}", "recalibration.starts", "fewer than fit.starts = 4"),
        ("{complete: 1.5}", "recalibration.complete", "< 1"),
        ("{thresholds: {change: 0}}", "recalibration.thresholds.change", "> 0"),
        ("{thresholds: {chang: 2}}", "recalibration.thresholds.chang", "Did you mean 'change'"),
    ],
)
def test_problems_name_their_key(tmp_path, section, key, why):
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, section)
    (problem,) = refused.value.problems
    assert problem.key == key
    assert why in str(problem)
    assert problem.line == 15


def test_the_section_changes_no_number(tmp_path):
    assert load(tmp_path, "").content_hash == load(tmp_path, "{window: rolling 104}").content_hash


def test_the_schema_knows_it(tmp_path):
    content = read_yaml(growing.STUDY, "").content
    jsonschema.validate(content, study_schema())
    content["recalibration"]["window"] = "sliding"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, study_schema())
