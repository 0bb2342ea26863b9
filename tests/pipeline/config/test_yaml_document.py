import pytest

from pipeline.config.yaml.document import read_yaml


def problem_of(text):
    document = read_yaml(text, "s.yaml")
    assert len(document.problems) == 1, document.problems
    return document.problems[0]


def test_scalars_are_read_as_people_expect():
    text = "a: 1e-3\nb: no\nc: 12:30\nd: 2024-01-01\ne: .5\nf: ~\ng:\nh: 1_000\n"
    text += "i: 50.0e+6\nj: 007\nk: true\nl: -2E5"
    content = read_yaml(text, "s.yaml").content
    expected = {
        "a": 0.001, "b": "no", "c": "12:30", "d": "2024-01-01", "e": 0.5, "f": None, "g": None, "h": 1000,
        "i": 5e7, "j": "007", "k": True, "l": -2e5,
    }  # fmt: skip
    assert content == expected
    assert {key: type(value) for key, value in content.items()} == {
        key: type(value) for key, value in expected.items()
    }


def test_lines_are_those_of_keys_and_items():
    document = read_yaml("a:\n  b: [1,\n      2]\nc: {d: 5}\n", "s.yaml")
    assert document.line_of(("a",)) == 1
    assert document.line_of(("a", "b")) == 2
    assert document.line_of(("a", "b", 1)) == 3
    assert document.line_of(("c", "d")) == 4
    assert document.line_of(("c", "absent")) == 4, "the nearest section"


def test_a_key_given_twice_is_told_with_both_lines():
    problem = problem_of("fit:\n  starts: 1\n  method: x\n  starts: 2\n")
    assert (problem.line, problem.key) == (4, "fit.starts")
    assert "line 2" in problem.expected


@pytest.mark.parametrize(
    ("text", "line", "got"),
    [
        ("a: 1\n\tb: 2", 2, "a tab"),
        ("a: 1\nb: [1, 2\nc: 3", 3, "'c: 3'"),
        ("a: 1\nb: c: d", 2, "'b: c: d'"),
        ("a: 'x", 1, "a: 'x"),
        ("a: 1\n5: 2", 2, "the key 5"),
        ("a: 1\n? [b]\n: 2", 2, "the key a list"),
        ("a: !!python/object/apply:os.system [ls]", 1, "the tag"),
        ("a: !!python/name:os.system x", 1, "tag"),
        ("a: !!int x", 1, "invalid literal"),
        ("a: \x00", 1, "U+0000"),
        ("a: 1\n---\nb: 2", 2, "'---'"),
        ("a: &x [*x]", 1, "an alias that contains itself"),
    ],
)
def test_text_that_cannot_be_read_is_a_problem_with_a_line(text, line, got):
    problem = problem_of(text)
    assert problem.line == line
    assert got in problem.got
    assert problem.expected


def test_hostile_text_ends_soon():
    laughs = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{new}: &{new} [{','.join(['*' + old] * 10)}]\n"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert "aliases" in problem_of(laughs).got
    assert "nested" in problem_of("[" * 5000).got
