"""What a fit knows goes into the store under the names of its catalogue."""

from dataclasses import dataclass, fields

import numpy as np
import pytest
import zarr

from pipeline.config.load import load_study
from pipeline.fitting.calibrate import calibrate_together
from pipeline.fitting.record import FitRecord
from pipeline.store.format.catalogue import VARIABLES, Variable
from pipeline.store.store import Store
from pipeline.sweep.coordinator import run_study

STUDY = """
study: block
simulate:
  markets: 3
  firms: 3
  periods: 24
  total_sales: 100.0
  invested: 0.1
  efforts: {promo: {part: 1.0}}
  truth:
    response: linear
    firm_effects: none
    parameters: {promo: 0.5, jump_price: 100.0, returns_to_scale: 0.5}
models: {form: investment, response: linear, firm_effects: none}
fit: {starts: 2}
store: runs
cluster: {kind: serial}
"""


@dataclass(frozen=True, slots=True)
class LongerRecord(FitRecord):
    """A record with one more result: a number for each parameter."""

    twice: np.ndarray | None = None


@pytest.fixture
def twice(monkeypatch):
    """Add an array to the store as people do: a record in the catalogue, and a field with its values."""

    def calibrate(*arguments):
        for record in calibrate_together(*arguments):
            known = {field.name: getattr(record, field.name) for field in fields(record)}
            yield LongerRecord(**known, twice=2.0 * record.value)

    variable = Variable("twice", "fits", ("market", "window", "param"), "1", "twice the value")
    monkeypatch.setitem(VARIABLES, "twice", variable)
    monkeypatch.setattr("pipeline.sweep.fit_block.calibrate_together", calibrate)


def test_a_new_array_needs_its_record_and_its_values_and_nothing_else(tmp_path, twice):
    (tmp_path / "study.yaml").write_text(STUDY)
    report = run_study(load_study(tmp_path / "study.yaml"))
    group = zarr.open_group(
        Store.open(report.store).session().store,
        path=f"sweeps/{report.sweep}/fits/investment-linear",
        mode="r",
    )
    assert np.isfinite(group["value"][...]).any()
    np.testing.assert_array_equal(group["twice"][...], 2.0 * group["value"][...])
