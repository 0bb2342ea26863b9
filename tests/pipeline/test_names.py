import pytest

from pipeline.names import did_you_mean, did_you_mean_file, one_of


@pytest.mark.parametrize(
    ("name", "known", "asked"),
    [
        ("prise", ["feature", "price"], "Did you mean 'price'?"),
        ("Price", ["price", "prices"], "Did you mean 'price'?"),
        ("PRICE", ["prize", "Price"], "Did you mean 'Price'?"),
        ("week", ["price", "firm"], ""),
        ("week", [], ""),
    ],
)
def test_the_nearest_name_is_asked_for(name, known, asked):
    assert did_you_mean(name, known) == asked


def test_a_missing_file_is_looked_for_among_its_neighbours(tmp_path):
    for name in ("study.csv", "studies.yaml"):
        (tmp_path / name).touch()
    assert did_you_mean_file(tmp_path / "stud.csv") == "Did you mean 'study.csv'?"
    assert did_you_mean_file(tmp_path / "study.yaml", "*.yaml") == "Did you mean 'studies.yaml'?"
    assert did_you_mean_file(tmp_path / "none" / "sale.csv") == f"There is no folder {tmp_path / 'none'}."


def test_long_lists_of_names_are_cut():
    assert one_of(["a", "b"]) == "one of a, b"
    assert one_of([]) == "nothing here"
    assert one_of(map(str, range(41))).endswith("38, 39, ... (41 in all)")
