"""The formula language: what it computes, and what it refuses."""

import os
import pickle
import subprocess
import sys
import time

import numpy as np
import pytest

from kernels.formula.expression import ExpressionError, names_in, parse
from kernels.formula.expression_nodes import FUNCTIONS, OPERATIONS
from kernels.formula.expression_syntax import MAX_DEPTH, MAX_LENGTH, MAX_PARENTHESES

U = np.array([0.2, 0.7, 1.0, 3.5])


def value(text, **values):
    return parse(text, values).evaluate(values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * u - u / 4", 1 + 2 * U - U / 4),
        ("-u ** 2", -(U**2)),
        ("2 ** -u", 2**-U),
        ("(u + 1)\n * 3", (U + 1) * 3),
        ("u < 1", [1.0, 1.0, 0.0, 0.0]),
        ("(u < 1) + (u < 2)", [2.0, 2.0, 1.0, 0.0]),
        ("0.5 < u <= 1", [0.0, 1.0, 1.0, 0.0]),
        ("u >= 1 and not u == 1", [0.0, 0.0, 0.0, 1.0]),
        ("u > 3 or u != 1", [1.0, 1.0, 0.0, 1.0]),
        ("where(u > 0.5, log(u), -1)", np.where(U > 0.5, np.log(U), -1.0)),
        ("log1p(u) + expm1(u) + log2(u) + log10(u)", np.log1p(U) + np.expm1(U) + np.log2(U) + np.log10(U)),
        ("sqrt(u) + tanh(u) + abs(-u) + arctan(u)", np.sqrt(U) + np.tanh(U) + U + np.arctan(U)),
        ("min(u, 1, 0.5) + max(u, 1)", np.minimum(U, 0.5) + np.maximum(U, 1)),
        ("clip(u, 0.5, 2)", np.clip(U, 0.5, 2)),
        ("logistic(u)", 1 / (1 + np.exp(-U))),
        ("sin(2 * pi * u)", np.sin(2 * np.pi * U)),
        ("ln(u)", np.log(U)),
        ("1e3 * u + 1_000 + .5", 1e3 * U + 1000.5),
    ],
)
def test_it_computes_what_it_says(text, expected):
    np.testing.assert_allclose(value(text, u=U), expected, rtol=1e-15)


def test_erf_against_a_table():
    np.testing.assert_allclose(
        value("erf(u)", u=[0.0, 0.5, 1.0]), [0.0, 0.5204998778130465, 0.8427007929497149]
    )


def test_columns_of_any_script_broadcast():
    result = value("цена / λ", цена=np.ones((3, 1)), λ=np.array([2.0, 4.0]))
    np.testing.assert_array_equal(result, [[0.5, 0.25]] * 3)


def test_whole_numbers_are_treated_as_floats():
    assert value("n * n * n", n=np.array([3_000_000], dtype=np.int64)) == 2.7e19


def test_missing_values_stay_missing_but_do_not_compare():
    missing = np.array([np.nan, 1.0])
    np.testing.assert_array_equal(value("u + 1", u=missing), [np.nan, 2.0])
    np.testing.assert_array_equal(value("u < 2", u=missing), [0.0, 1.0])
    np.testing.assert_array_equal(value("where(isnan(u), 0, u)", u=missing), [0.0, 1.0])
    np.testing.assert_array_equal(value("minimum(u, 5)", u=missing), [np.nan, 1.0])


def test_the_branch_not_taken_has_no_influence():
    np.testing.assert_array_equal(
        value("where(u > 0, log(u), 7)", u=np.array([0.0, 1.0, -1.0])), [7.0, 0.0, 7.0]
    )


def test_functions_of_the_caller():
    expression = parse(
        "log(market_mean(price) / price) + lag(price, 1)",
        ["price"],
        functions={"market_mean": 1, "lag": (1, 2)},
    )
    assert expression.functions == ("market_mean", "lag")
    seen = []

    def lag(x, periods=1):
        seen.append(periods)
        return np.roll(x, int(periods))

    price = np.array([1.0, 2.0, 3.0])
    result = expression.evaluate({"price": price}, {"market_mean": np.mean, "lag": lag})
    np.testing.assert_allclose(result, np.log(2 / price) + np.array([3.0, 1.0, 2.0]))
    assert seen == [1.0]
    with pytest.raises(ExpressionError, match="no value was given for the function 'lag'"):
        expression.evaluate({"price": price}, {"market_mean": np.mean})
    with pytest.raises(ExpressionError, match="lag takes 1 to 2 arguments, got 3"):
        parse("lag(x, 1, 2)", functions={"lag": (1, 2)})
    with pytest.raises(ExpressionError, match="cannot be differentiated"):
        expression.gradient("price")


def test_names_in_order_of_appearance():
    assert names_in("k * log1p(u / h) + k") == ("k", "u", "h")
    assert names_in("1 + 2") == ()


def test_evaluation_names_what_is_missing():
    with pytest.raises(ExpressionError, match="no value was given for the name 'h'; given: u"):
        parse("u / h").evaluate({"u": 1.0})


HOSTILE = {
    "import": ("__import__('os').system('true')", "the character ' is not allowed"),
    "import without quotes": ("__import__(u)", "unknown function '__import__'"),
    "eval": ("eval(u)", "unknown function 'eval'"),
    "attribute": ("u.__class__", "attribute access"),
    "method": ("u.sum()", "called by a plain name"),
    "attribute of number": ("(1).real", "attribute access"),
    "subscript": ("u[0]", "subscripts are not part"),
    "lambda": ("lambda: 1", "neither lambda"),
    "walrus": ("(u := 1)", "neither lambda, :="),
    "f-string": ("f'{u}'", "not allowed"),
    "text": ('"u"', "text is not part"),
    "bytes": ("b'u'", "text is not part"),
    "keyword": ("log(x=u)", "by position"),
    "starred": ("log(*u)", "starred"),
    "double starred": ("log(**u)", "by position"),
    "comprehension": ("(u for u in u)", "a loop"),
    "tuple": ("u, u", "a comma outside"),
    "conditional": ("u if u else u", "write where"),
    "await": ("await u", "not"),
    "membership": ("u in u", "only < <= > >= == and != compare"),
    "identity": ("u is u", "only < <= > >= == and != compare"),
    "statement": ("import os", "not a formula"),
    "two statements": ("u; u", "one expression"),
    "assignment": ("u = 1", "not a formula"),
    "closing first": ("u) + (u", "not a formula"),
    "unfinished": ("u +", "not a formula"),
    "caret": ("u ^ 2", r"write a power as x \*\* y"),
    "remainder": ("u % 2", "percentage"),
    "floor division": ("u // 2", "the operator FloorDiv"),
    "matrix product": ("u @ u", "not allowed"),
    "bits": ("u & u", "write 'and'"),
    "complex": ("1j * u", "complex constants"),
    "truth": ("True", "bool constants"),
    "none": ("None", "NoneType constants"),
    "ellipsis": ("...", "ellipsis constants"),
    "tower": ("9**9**9**9", "not a finite number"),
    "shallow tower": ("9**9**9", "not a finite number"),
    "hidden tower": ("u * (9**9)**(9**9)", "not a finite number"),
    "division by zero": ("u + 1 / 0", "not a finite number"),
    "logarithm of zero": ("log(1 - 1)", "not a finite number"),
    "root of negative": ("sqrt(-1)", "not a finite number"),
    "huge whole number": ("1" + "0" * 400, "the number is too large"),
    "huge float": ("1e999", "the number is too large"),
    "long": ("u+" * 5_000_000 + "u", f"at most {MAX_LENGTH} are allowed"),
    "long number": ("9" * 10_000_000, f"at most {MAX_LENGTH} are allowed"),
    "deep": ("(" * 100_000 + "u" + ")" * 100_000, "at most 2000"),
    "deep but short": ("(" * 900 + "u" + ")" * 900, f"more than {MAX_PARENTHESES} parentheses"),
    "unclosed": ("(" * 1999, f"more than {MAX_PARENTHESES} parentheses"),
    "unary chain": ("-" * 1990 + "u", f"more than {MAX_DEPTH} operations|nested too deeply"),
    "not chain": ("not " * 490 + "u", f"more than {MAX_DEPTH} operations|nested too deeply"),
    "power chain": ("u**" * 600 + "u", f"more than {MAX_DEPTH} operations|nested too deeply"),
    "sum chain": ("u+" * 900 + "u", f"more than {MAX_DEPTH} operations"),
    "nested calls": ("exp(" * 300 + "u" + ")" * 300, f"more than {MAX_PARENTHESES} parentheses"),
    "nul": ("u\0+1", r"U\+0000 is not allowed"),
    "right to left": ("u \u202e+ 1", r"U\+202E is not allowed"),
    "zero width": ("u\u200b", r"U\+200B is not allowed"),
    "no-break space": ("u\u00a0+ 1", r"is not allowed"),
    "full width": ("\uff45xp(u)", "is not allowed"),
    "mathematical letter": ("\U0001d452xp(u)", "is not allowed"),
    "superscript": ("u²", "is not allowed"),
    "minus sign": ("u \u2212 1", "is not allowed"),
    "surrogate": ("u\ud800", r"U\+D800 is not allowed"),
    "backslash": ("u \\\n + 1", "not allowed"),
    "comment": ("u # 1", "comments are not part"),
    "letters after number": ("1if u else 2", "not a formula|write where"),
    "empty": ("   ", "it is empty"),
    "function as name": ("log + 1", r"log is a function; write log\(...\)"),
    "call of call": ("log(u)(u)", "called by a plain name"),
    "call of number": ("2(u)", "called by a plain name"),
    "too few": ("where(u, 1)", "where takes 3 arguments, got 2"),
    "too many": ("log(u, 2)", "log takes 1 arguments, got 2"),
    "none given": ("log()", "log takes 1 arguments, got 0"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_text_is_refused_within_a_second(case):
    text, sentence = HOSTILE[case]
    start = time.perf_counter()
    with pytest.raises(ExpressionError, match=sentence) as refusal:
        parse(text, ["u"])
    assert time.perf_counter() - start < 1.0
    message = str(refusal.value)
    assert message.startswith("Formula ")
    assert message.endswith(".")
    assert len(message) < 1000


def test_anything_but_text_is_refused():
    with pytest.raises(ExpressionError, match="expected text, got bytes"):
        parse(b"u")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "position"),
    [("u + lgo(u)", 5), ("  u + v", 7), ("цена + v", 8), ("log(u) * u.x", 10), ("u + $", 5), ("u + 1/0", 5)],
)
def test_refusals_give_the_place(text, position):
    with pytest.raises(ExpressionError) as refusal:
        parse(text, ["u", "цена"])
    assert refusal.value.position == position
    assert f"at character {position}" in str(refusal.value)


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(ExpressionError, match="unknown name 'promotoin'; did you mean 'promotion'"):
        parse("promotoin / sales", ["promotion", "sales"])
    with pytest.raises(ExpressionError, match="unknown function 'Log'; did you mean 'log'"):
        parse("Log(u)")
    with pytest.raises(ExpressionError, match="did you mean 'market_mean'"):
        parse("marketmean(u)", functions={"market_mean": 1})


def test_long_but_honest_formulas_pass():
    assert value("+".join(["u"] * 99), u=2.0) == 198.0
    assert value("(" * MAX_PARENTHESES + "u" + ")" * MAX_PARENTHESES, u=2.0) == 2.0


def test_expressions_and_errors_travel_between_processes():
    expression = pickle.loads(pickle.dumps(parse("k * u")))
    assert expression == parse("k * u")
    assert expression.evaluate({"k": 2.0, "u": 3.0}) == 6.0
    error = pickle.loads(pickle.dumps(ExpressionError("it is wrong", "u +", 3)))
    assert str(error) == "Formula 'u +' at character 3: it is wrong."


# Points away from kinks and poles, and formulas that use every function.
POINTS = {"u": np.array([0.13, 0.6, 1.4, 2.7]), "h": 0.9, "k": 1.7}
SMOOTH = [
    "k * log1p(u / h)",
    "k * u**h / (k**h + u**h)",
    "k * (1 - exp(-u / h))",
    "k * tanh(u * h) + sinh(u) * cosh(h * u)",
    "k * (1 - exp(-h * u)) / (1 + exp(-h * u))",
    "sqrt(h + u * u) * expm1(-k * u)",
    "arcsinh(h * u) + arctan(k * u) + erf(u / k)",
    "logistic(k * (u - h)) * u",
    "sin(k * u) * cos(h + u)",
    "log(u)**2 + log2(u * k) + log10(u + h)",
    "u**3 / h + u**-2 + u**0.5 + u**-0.5 + u**2.5",
    "h**u + 2**(k * u) + u**u",
    "where(u > h, k * u**2, exp(h * u))",
    "minimum(k * u, h + u) + maximum(u**2, h) + abs(u - 1)",
    "clip(k * u, 0.5, 2.5) * u + floor(u) * k + ceil(u) + sign(u - h) * u",
    "where((u > 1 and u < 2) or not u > 0.5, h * u, where(u == u, k, h) * u) + isnan(u) + (u != 1) * h",
    "log(log1p(u) * h + k) / (u + h / (u + k / (u + h)))",
    "u * u * u * (u + h) * (u + k) * (u - 5)",
]


def central_difference(function, x):
    """Five points; error of the order of step**4."""
    step = 2e-3 * np.maximum(np.abs(x), 0.1)
    near = function(x + step) - function(x - step)
    far = function(x + 2 * step) - function(x - 2 * step)
    return (8 * near - far) / (12 * step)


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize("text", SMOOTH)
def test_gradients_agree_with_differences(text, name):
    expression = parse(text, POINTS)
    if name not in expression.names:
        assert not np.any(expression.gradient(name).evaluate(POINTS))
        return
    gradient = np.broadcast_to(expression.gradient(name).evaluate(POINTS), (4,))

    def along(x):
        # One Richardson step on top: the error falls to that of rounding.
        return expression.evaluate({**POINTS, name: x}) + np.zeros(4)

    x = np.asarray(POINTS[name])
    coarse, fine = central_difference(along, x), _finer(along, x)
    expected = (16 * fine - coarse) / 15
    scale = np.max(np.abs(expected)) + 1e-3
    np.testing.assert_allclose(gradient, expected, rtol=1e-7, atol=1e-8 * scale)


def _finer(function, x):
    step = 1e-3 * np.maximum(np.abs(x), 0.1)
    near = function(x + step) - function(x - step)
    far = function(x + 2 * step) - function(x - 2 * step)
    return (8 * near - far) / (12 * step)


def test_every_function_is_differentiated_above():
    text = " ".join(SMOOTH)
    assert [name for name in FUNCTIONS if f"{name}(" not in text] == []


@pytest.mark.parametrize("text", ["u**n", "u**n * log(u) + u**n", "n * u**n / (1 + u**n)"])
def test_second_derivatives(text):
    expression = parse(text)
    values = {"u": np.array([0.4, 1.3]), "n": 1.6}
    for first in ("u", "n"):
        slope = expression.gradient(first)
        for second in ("u", "n"):
            got = slope.gradient(second).evaluate(values)
            x = np.asarray(values[second])
            expected = central_difference(lambda x, s=slope, k=second: s.evaluate({**values, k: x}), x)
            np.testing.assert_allclose(got, expected, rtol=1e-7)


def slope_at(text, u, **values):
    expression = parse(text)
    return {name: float(expression.gradient(name).evaluate({"u": u, **values})) for name in expression.names}


def test_derivatives_of_powers_at_zero_are_limits():
    assert slope_at("u**n", 0.0, n=2.5) == {"u": 0.0, "n": 0.0}
    assert slope_at("u**n", 0.0, n=1.0) == {"u": 1.0, "n": 0.0}
    assert slope_at("u**n", 0.0, n=0.5) == {"u": np.inf, "n": 0.0}
    assert slope_at("u**n", 0.0, n=0.0)["u"] == 0.0
    assert slope_at("u**2", 0.0) == {"u": 0.0}
    assert slope_at("u**2", -3.0) == {"u": -6.0}
    assert slope_at("b * u**n / (h**n + u**n)", 0.0, b=1.5, h=0.5, n=2.0) == {
        "b": 0.0,
        "u": 0.0,
        "h": 0.0,
        "n": 0.0,
    }


def test_derivatives_of_branches_do_not_mix():
    assert slope_at("where(u > 0, log(u), 0)", 0.0) == {"u": 0.0}
    assert slope_at("where(u > 0, sqrt(u), 3 * u)", -1.0) == {"u": 3.0}
    assert slope_at("maximum(log(u), -5)", 0.0) == {"u": 0.0}
    assert slope_at("minimum(1 / u, 4)", 0.0) == {"u": 0.0}
    assert slope_at("log(u)", 0.0) == {"u": np.inf}
    assert slope_at("abs(u)", 0.0) == {"u": 0.0}
    assert slope_at("(u > 0.5) * 3", 0.7) == {"u": 0.0}


def test_derivatives_of_saturation_keep_their_digits():
    # u / (h + u) is 1 to the last digit here; only h / (h + u)**2 tells how it still rises.
    assert slope_at("u / (h + u)", 1e12, h=1.0)["u"] == pytest.approx(1e-24, rel=1e-9)
    assert slope_at("tanh(u)", 30.0)["u"] == pytest.approx(4 * np.exp(-60.0), rel=1e-9)


def test_a_derivative_that_exists_nowhere_is_refused():
    with pytest.raises(ExpressionError, match="its derivative is not finite anywhere"):
        parse("1 / (u - u)").gradient("u")


@pytest.mark.parametrize(
    "text",
    [
        "**".join(["u"] * 90),
        "exp(" * 39 + "u" + ")" * 39,
        "u / (1 + " * 39 + "u" + ")" * 39,
        "*".join(f"(u + {k})" for k in range(80)),
        "*".join(["(u + a + b + c)"] * 80),
        " + ".join(f"1 / (u + {k} * a)" for k in range(60)),
        "(u + 1) * (" * 39 + "u" + ")" * 39,
        "where(u > 1, u * (" * 19 + "u" + "), 1)" * 19,
    ],
)
def test_derivatives_of_unreasonable_formulas_end_soon(text):
    import sympy  # noqa: F401  (its import is not what is timed)

    expression = parse(text)
    start = time.perf_counter()
    try:
        gradient = expression.gradient("u")
    except ExpressionError:
        gradient = None
    assert time.perf_counter() - start < 5.0
    if gradient is not None:
        values = dict.fromkeys(expression.names, np.array(0.3))
        x = np.array(0.3)
        with np.errstate(all="ignore"):
            expected = central_difference(lambda x: expression.evaluate({**values, "u": x}), x)
            if np.isfinite(expected):
                np.testing.assert_allclose(gradient.evaluate(values), expected, rtol=1e-6)


def test_parsing_does_not_import_sympy():
    code = (
        "import sys; from kernels.formula.expression import parse; parse('k * u'); "
        "sys.exit('sympy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "NUMBA_DISABLE_JIT": "1"})


def test_public_operations_have_a_meaning():
    assert all(operation.meaning and operation.arity for operation in OPERATIONS.values())
