"""A study on a table of any format, with the usual columns."""

from places import CONFIGS

from pipeline.config.study import Study

EFFORTS = {
    "discount": {"formula": "log(market_mean(price) / price)"},
    "feature": {"unit": "%", "kind": "amount"},
}


def table_study(file, residual="ilr", **data):
    """Make a study on a file (relative to the shipped studies); further arguments change its section data."""
    columns = {"market": "store", "firm": "firm", "time": "week", "sales": "sales", "efforts": EFFORTS}
    content = {
        "study": "test",
        "data": {"file": str(file), **columns, **data},
        "models": {"form": ["investment"], "response": ["mnl"]},
        "fit": {"residual": residual},
        "store": "runs/test",
    }
    return Study.model_validate(content, context={"folder": str(CONFIGS)})
