"""A table with decimal commas is one problem with its remedy."""

import pytest

from pipeline.config.load import load_study
from pipeline.errors import DataError
from pipeline.panel.open import open_study_panel

STUDY = """
study: commas
data: {file: panel.csv, firm: brand, time: week, sales: sales, efforts: [price, deal]}
models: {response: linear}
store: runs
"""


@pytest.mark.parametrize("separator", [";", "\t", ","])
def test_decimal_commas_are_one_problem_with_a_remedy(tmp_path, separator):
    rows = [["brand", "week", "sales", "price", "deal"]]
    rows += [[brand, str(week), f"1{week},5", "0,25", "1,0"] for week in range(30) for brand in "AB"]
    (tmp_path / "panel.csv").write_text("\n".join(separator.join(row) for row in rows))
    (tmp_path / "study.yaml").write_text(STUDY)
    with pytest.raises(DataError) as refused:
        open_study_panel(load_study(tmp_path / "study.yaml"))
    (problem,) = refused.value.problems
    assert "decimal commas" in problem.got
    assert "decimal points" in problem.expected
    assert "decimal=','" in problem.hint


def test_rows_with_too_many_values_are_still_what_they_are(tmp_path):
    rows = ["brand,week,sales,price,deal", "A,1,10,1,0", "B,1,10,1,0,extra", "A,2,10,1,0", "B,2,10,1,0"]
    (tmp_path / "panel.csv").write_text("\n".join(rows))
    (tmp_path / "study.yaml").write_text(STUDY)
    with pytest.raises(DataError, match="6 values; expected 5, as in the header"):
        open_study_panel(load_study(tmp_path / "study.yaml"))
