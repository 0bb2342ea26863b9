"""The schema that editors get."""

import json

import jsonschema
import pytest
from places import STUDIES

from pipeline.cli.studies import schema
from pipeline.config.json_schema import study_schema
from pipeline.config.load import load_study
from pipeline.config.yaml.document import read_yaml


def test_the_command_prints_the_schema_of_the_project(capsys):
    schema()
    assert json.loads(capsys.readouterr().out) == study_schema()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("fit: {starts: 4}", "fit:"),
        ("fit: {starts: 4}", "fit:\ncluster:\nrecalibration:\nvalidation:\nuncertainty:"),
        ("fit: {starts: 4}", "fit:\nrecalibration: {thresholds: }"),
        ("fit: {starts: 4}", "fit:\nuncertainty: {mcmc: }"),
        ("starts: 4", "priors: {price: [0, 1]}, shrinkage: 0.5"),
        ("starts: 4", "priors: {price: [0, 1]}, shrinkage: [0.5, 1]"),
        ("starts: 4", "priors: {price: [0, 1]}, shrinkage: {factors: 1, origins: 2}"),
        ("[mnl, linear]", "{name: mixed, price: linear, feature: hill, link: exp, lag: {price: 2}}"),
        ("form:", "carry_over: {name: short, price: geometric}\n  form:"),
        ("efforts:\n    price: {formula: log(price / market_mean(price))}\n    feature:", "efforts: price"),
    ],
)
def test_what_the_loader_accepts_the_schema_accepts(tmp_path, old, new):
    text = (STUDIES / "small.yaml").read_text()
    assert old in text
    text = text.replace(old, new)
    (tmp_path / "small.yaml").write_text(text)
    (tmp_path / "sales.csv").touch()
    assert load_study(tmp_path / "small.yaml").study == "small"
    jsonschema.validate(read_yaml(text, "").content, study_schema())
