import pickle
import shutil

import jsonschema
import pytest
from places import STUDIES

from pipeline.config.json_schema import study_schema
from pipeline.config.load import load_study
from pipeline.config.sections.types import FrozenMapping
from pipeline.config.yaml.document import read_yaml
from pipeline.errors import ConfigError, ExitCode, PlanError
from pipeline.sweep.coordinator import run_study
from pipeline.vintages.recalibrate import recalibrate_study


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(STUDIES, tmp_path, dirs_exist_ok=True)
    return tmp_path


def write(folder, *changes, name="small.yaml"):
    """The small study with pieces of its text replaced."""
    text = (STUDIES / "small.yaml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / name).write_text(text)
    return folder / name


def test_a_study_is_frozen_hashable_and_picklable(folder):
    study = load_study(folder / "small.yaml")
    assert pickle.loads(pickle.dumps(study)) == study
    assert hash(study) == hash(load_study(folder / "small.yaml"))
    with pytest.raises(ValueError, match="frozen"):
        study.seed = 3
    with pytest.raises(TypeError):
        study.data.efforts["price"] = None
    assert study.efforts == ("price", "feature")
    assert study.data.efforts["feature"].column == "feature"
    assert study.data.efforts["price"].column is None


def test_paths_are_relative_to_the_study_file_wherever_one_stands(folder, monkeypatch):
    monkeypatch.chdir("/")
    study = load_study(folder / "small.yaml")
    assert study.data.location == str(folder.resolve() / "sales.csv")
    assert study.store_location == str(folder.resolve() / "runs")
    assert pickle.loads(pickle.dumps(study)).store_location == study.store_location
    url = load_study(write(folder, ("store: runs", "store: s3://bucket/runs")))
    assert url.store_location == "s3://bucket/runs"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("study: small", "study: other\ndescription: what for"),
        ("store: runs", "store: elsewhere\ncluster: {kind: serial}"),
        ("feature:\n", "feature: feature\n"),
        ("fit: {starts: 4}", "fit:\n  starts: 4\n  method: leastsq  # the default, spelled out"),
        ("[mnl, linear]", "[{family: mnl}, {family: linear}]"),
    ],
)
def test_the_hash_ignores_what_changes_no_number(folder, old, new):
    before = load_study(folder / "small.yaml").content_hash
    assert load_study(write(folder, (old, new))).content_hash == before
    assert len(before) == 64


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("starts: 4", "starts: 5"),
        ("[mnl, linear]", "[mnl]"),
        ("log(price /", "log(2 * price /"),
        ("store: runs", "store: runs\nseed: 1"),
        ("store: runs", "store: runs\nvalidation: {holdout: 0.1}"),
        ("  time: week", "  time: week\n  markets: [1]"),
    ],
)
def test_the_hash_follows_what_changes_numbers(folder, old, new):
    before = load_study(folder / "small.yaml").content_hash
    assert load_study(write(folder, (old, new))).content_hash != before


def test_a_study_written_out_is_the_same_study(folder):
    study = load_study(
        write(folder, ("[mnl, linear]", "[{price: linear, feature: sqrt, link: exp}, linear]")),
        ["fit.bounds.price=[null, 0]", "models.carry_over={feature: geometric}"],
    )
    (folder / "again.yaml").write_text(study.to_yaml())
    assert load_study(folder / "again.yaml") == study


def test_overrides_come_after_the_file(folder, monkeypatch):
    overrides = ["fit.starts=64", "fit.fixed.feature.h=0.5", "data.efforts.price.unit=log $", "seed=7"]
    overrides.append("fit.priors.price.own=[0, 1]")
    path = write(folder, ("[mnl, linear]", "[mnl, {price: linear, feature: log}]"))
    study = load_study(path, [*overrides, "models.response.0=linear"])
    assert (study.fit.starts, study.seed) == (64, 7)
    assert dict(study.fit.fixed) == {"feature.h": 0.5}
    assert dict(study.fit.priors) == {"price.own": (0.0, 1.0)}
    assert study.data.efforts["price"].unit == "log $"
    assert [entry.family for entry in study.models.response] == ["linear", None]
    monkeypatch.chdir(folder.parent)
    here = load_study(path, ["store=here"])
    assert here.store_location == str(folder.parent.resolve() / "here"), "typed paths are the shell's"


@pytest.mark.parametrize(
    ("override", "key", "got"),
    [
        ("fit.starts=0", "fit.starts", "0"),
        ("fit.starts=many", "fit.starts", "'many'"),
        ("fit.start=3", "fit.start", "unknown key 'start'"),
        ("starts", "", "'starts'"),
        ("=3", "", "'=3'"),
        ("fit..starts=3", "", "'fit..starts=3'"),
        ("seed=[1", "seed", "'[1'"),
        ("study.x=3", "study.x", "study, which holds 'small'"),
        ("models.response.7=hill", "models.response.7", "a list of 2 items"),
        ("models.response.0=hil", "models.response.0", "unknown family 'hil'"),
    ],
)
def test_an_override_that_is_wrong_is_blamed_on_the_command_line(folder, override, key, got):
    with pytest.raises(ConfigError) as caught:
        load_study(folder / "small.yaml", [override])
    problem = caught.value.problems[0]
    assert (problem.file, problem.line, problem.key) == ("--set", None, key)
    assert got in problem.got
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (None, "no such file"),
        (b"", "an empty file"),
        (b"# nothing\n", "an empty file"),
        (b"- a\n- b\n", "a list of 2"),
        (b"study: \xff\xfe", "byte 0xFF"),
        (b"#" * 1_000_001, "1,000,001 bytes"),
    ],
)
def test_a_file_that_is_no_study(folder, content, got):
    path = folder / "smal.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_study(path)
    assert got in caught.value.problems[0].got
    assert caught.value.exit_code == ExitCode.REFUSED
    if content is None:
        assert "small.yaml" in caught.value.problems[0].hint


def test_the_schema_describes_every_key_and_agrees_with_the_loader(folder):
    schema = study_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for name, section in {"Study": schema, **schema["$defs"]}.items():
        for key, field in section["properties"].items():
            described = (
                field if "$ref" not in field else schema["$defs"][field["$ref"].split("/")[-1]] | field
            )
            assert described.get("description"), f"{name}.{key} has no description"
    right = read_yaml((folder / "small.yaml").read_text(), "").content
    jsonschema.validate(right, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(right | {"stor": 1}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(right | {"fit": {"starts": "4"}}, schema)


def test_a_frozen_mapping_is_a_mapping_that_stays():
    mapping = FrozenMapping({"b": 1, "a": 2})
    assert list(mapping) == ["b", "a"]
    assert mapping == {"a": 2, "b": 1}
    assert hash(mapping) == hash(FrozenMapping({"a": 2, "b": 1}))
    assert pickle.loads(pickle.dumps(mapping)) == mapping
    with pytest.raises(TypeError):
        mapping["a"] = 3


@pytest.mark.parametrize(("state", "gain"), [("fitted", 0.0), ("observed", 1.0)])
def test_the_former_state_of_a_fit_is_read_as_a_gain_and_said(tmp_path, state, gain):
    text = (STUDIES / "small.yaml").read_text()
    (tmp_path / "study.yaml").write_text(text.replace("{starts: 4}", f"{{starts: 4, state: {state}}}"))
    (tmp_path / "sales.csv").write_bytes((STUDIES / "sales.csv").read_bytes())
    study = load_study(tmp_path / "study.yaml")
    assert study.fit.gain == (gain,)
    (note,) = study.notes
    assert f"`state: {state}` is read as `gain: {gain:g}`" in note
    both = text.replace("{starts: 4}", "{starts: 4, state: observed, gain: 0.5}")
    (tmp_path / "study.yaml").write_text(both)
    with pytest.raises(ConfigError, match="got `state: observed` beside a gain; expected the gain alone"):
        load_study(tmp_path / "study.yaml")
    (tmp_path / "study.yaml").write_text(text.replace("{starts: 4}", "{starts: 4, state: smoothed}"))
    with pytest.raises(ConfigError, match="got `state: smoothed`; expected `gain: 0` for what `fitted` was"):
        load_study(tmp_path / "study.yaml")
    (tmp_path / "study.yaml").write_text(text.replace("{starts: 4}", "{starts: 4, gain: 1.5}"))
    with pytest.raises(ConfigError, match=r"fit.gain: got 1.5; expected .*1"):
        load_study(tmp_path / "study.yaml")


@pytest.mark.parametrize("call", [run_study, recalibrate_study])
def test_the_path_of_a_study_is_no_study(call):
    with pytest.raises(
        PlanError, match=r"^Got 'study.yaml' \(str\); expected a study that was read, .*load_study"
    ):
        call("study.yaml")
