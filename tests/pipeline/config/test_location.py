"""Locations: what can be one, and secrets that belong elsewhere."""

import pytest

from pipeline.config.load import load_study
from pipeline.config.sections.location import impossible
from pipeline.errors import ConfigError, StoreError
from pipeline.names import without_user_info
from pipeline.store.location import Location

SECRET = "wJalrXUtnFEMI"
STUDY = """
study: secret
simulate:
  firms: 3
  periods: 5
  total_sales: 100.0
  invested: 0.1
  efforts: {price: {part: 1.0}}
  truth: {response: linear, parameters: {price: 1.0, jump_price: 100.0, returns_to_scale: 0.0}}
models: {response: linear}
store: STORE
"""


@pytest.mark.parametrize(
    "text",
    ["s3://user:{}@bucket/runs", "s3://{}@bucket/runs", "https://name:{}@host/runs", "s3://a:{}@b:8/x@y"],
)
def test_a_secret_in_a_url_is_refused_and_never_repeated(tmp_path, text):
    url = text.format(SECRET)
    path = tmp_path / "study.yaml"
    path.write_text(STUDY.replace("STORE", url))
    with pytest.raises(ConfigError) as refused:
        load_study(path)
    with pytest.raises(ConfigError) as overridden:
        load_study(path, [f"store={url}", f"study={url}"])
    with pytest.raises(StoreError) as unopened:
        Location.parse(url)
    for message in (str(refused.value), str(overridden.value), str(unopened.value)):
        assert SECRET not in message
        assert "name or password" in message
    assert SECRET not in without_user_info(f"OSError: cannot reach {url}")


@pytest.mark.parametrize(
    ("text", "word"),
    [("x" * 400, "400 characters"), ("a/" * 3000, "characters"), ("a\0b", "location"), ("", "location")],
)
def test_what_no_file_system_takes_is_refused(text, word):
    assert word in impossible(text)[0]


@pytest.mark.parametrize(
    "text", ["runs", "../runs", "~/runs", "/a/b@c", "s3://bucket/runs", "s3://bucket/a@b"]
)
def test_ordinary_places_are_possible(text):
    assert impossible(text) is None


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("firms: 3", "firms: 1000000000000000000", "simulate.firms"),
        ("periods: 5", "periods: 1000000000000000000", "simulate.periods"),
        ("firms: 3", "firms: 9999\n  markets: 2000000", "simulate.markets"),
        ("periods: 5\n", "periods: 90000\n", "simulate.periods"),
    ],
)
def test_counts_end_somewhere(tmp_path, old, new, key):
    path = tmp_path / "study.yaml"
    text = STUDY.replace("STORE", "runs").replace(
        "firms: 3", "firms: 3000" if "periods: 9" in new else "firms: 3"
    )
    path.write_text(text.replace(old, new))
    with pytest.raises(ConfigError, match=key):
        load_study(path)
