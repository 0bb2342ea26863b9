import pickle

import pytest

from pipeline import errors
from pipeline.errors import BeedError, ConfigError, ExitCode, Problem


def all_errors(root=BeedError):
    for error in root.__subclasses__():
        yield error
        yield from all_errors(error)


def test_a_problem_is_a_sentence_with_its_place():
    problem = Problem("a.yaml", 3, "fit.method", "the text 'x'", "one of y, z", "Did you mean 'y'?")
    assert str(problem) == "a.yaml:3: fit.method: got the text 'x'; expected one of y, z. Did you mean 'y'?"
    assert str(Problem("", None, "", "a", "b")) == "got a; expected b."


def test_problems_survive_the_way_back_from_a_worker():
    error = ConfigError("Study a", [Problem("a", 1, "k", "x", "y"), Problem("a", 2, "l", "x", "y")])
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is ConfigError
    assert back.problems == error.problems
    assert str(back) == str(error)
    assert str(error).startswith("Study a: 2 problems.")


@pytest.mark.parametrize("error", sorted(set(all_errors()), key=lambda error: error.__name__))
def test_every_error_is_a_builtin_too_and_has_an_exit_code(error):
    builtin = [base for base in error.__mro__ if base.__module__ == "builtins"]
    if error is not errors.ProblemsError:
        assert builtin[0] is not Exception
    assert isinstance(error.exit_code, ExitCode)
    assert error.exit_code not in (ExitCode.OK, ExitCode.DRIFT)
