"""The on-disk format: what is promised about names, codes and sizes."""

import numpy as np
import pytest

from pipeline.status import Status
from pipeline.store.format import layout as schema
from pipeline.store.format.layout import STATISTIC_NAMES, VARIABLES, chunk_shape, pack_statistics, sweep_name


def test_every_status_has_a_sentence():
    for status in Status:
        assert status.sentence[0].isupper()
        assert status.sentence.endswith(".")


def test_status_codes_never_move():
    """Stores on disk hold these numbers."""
    assert {status.name: int(status) for status in Status} == {
        "PENDING": 0,
        "CONVERGED": 1,
        "EVALUATIONS_EXHAUSTED": 2,
        "NO_FINITE_START": 3,
        "NOT_FINITE": 4,
        "TOO_FEW_RESIDUALS": 5,
        "ZERO_SHARE": 6,
        "OUTSIDE_DOMAIN": 7,
        "ONE_FIRM": 8,
        "OPTIMISER_ERROR": 9,
        "WORKER_CRASHED": 10,
        "NOT_APPLICABLE": 11,
        "NO_FIRST_STAGE": 12,
    }
    assert [status for status in Status if status.usable] == [
        Status.CONVERGED,
        Status.EVALUATIONS_EXHAUSTED,
    ]


def test_variables_start_with_market_and_are_described():
    for variable in VARIABLES.values():
        assert variable.dims[0] == "market"
        assert variable.units
        assert variable.long_name
        np.dtype(variable.dtype)


def test_statistics_are_packed_by_name():
    packed = pack_statistics({"bic": 2.0, "aic": 1.0})
    assert packed[STATISTIC_NAMES.index("aic")] == 1.0
    assert packed[STATISTIC_NAMES.index("bic")] == 2.0
    assert np.isnan(packed).sum() == len(STATISTIC_NAMES) - 2


def test_unknown_statistics_are_refused():
    with pytest.raises(KeyError, match="aic_c"):
        pack_statistics({"aic_c": 1.0})


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        (("study", "h1", "d1"), True),
        (("study", "h2", "d1"), False),
        (("study", "h1", "d2"), False),
        (("study", "h", "1d1"), False),
    ],
)
def test_sweeps_are_named_after_study_and_data(changed, same):
    assert (sweep_name(*changed) == sweep_name("study", "h1", "d1")) is same


@pytest.mark.parametrize("study", ["a/b", "../x", "ö ü", "", "a b"])
def test_sweep_names_are_safe_as_groups(study):
    name = sweep_name(study, "h", "d")
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-_")
    assert not name.startswith(".")


def test_chunks_hold_some_markets_and_one_model():
    error = VARIABLES["error"]
    sizes = {"market": 20, "window": 2, "model": 5, "future": 2, "metric": 3}
    assert chunk_shape(error, sizes, 8) == (8, 2, 1, 2, 3)
    assert chunk_shape(error, {**sizes, "market": 3}, 8) == (3, 2, 1, 2, 3)


def test_layout_counts_replicates_only_when_asked(make_tiny, tmp_path):
    without = make_tiny().layout
    with_them = make_tiny(tmp_path / "other", replicates=5).layout
    cells = 7 * 2 * 5 * (3 + 3)
    assert schema.layout_bytes(with_them) - schema.layout_bytes(without) == 8 * cells
    assert "replicate_value" not in {variable.name for variable in without.variables("fits")}
