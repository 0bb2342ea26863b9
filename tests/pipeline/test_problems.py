from pipeline.errors import Problem
from pipeline.problems import ProblemGatherer


def problem(number):
    return Problem("a.csv", number, "", "a", "b")


def test_the_first_problems_of_each_key_are_kept_and_all_are_counted():
    gatherer = ProblemGatherer[str](most=2)
    for number in range(5):
        gatherer.gather("many", problem(number))
    gatherer.gather("one", problem(9))
    assert gatherer.kept == {"many": [problem(0), problem(1)], "one": [problem(9)]}
    assert gatherer.counts == {"many": 5, "one": 1}
    assert [gatherer.room(key) for key in ("many", "one", "none")] == [0, 1, 2]


def test_nothing_gathered_is_false():
    gatherer = ProblemGatherer[str](most=1)
    gatherer.counts["asked"] += 0
    assert not gatherer
    gatherer.gather("key", problem(1))
    assert gatherer
