"""A shopping centre of four shops with a known truth, calibrated once for the tests that look ahead."""

from pathlib import Path

from pipeline import open_store
from pipeline.config.load import load_study
from pipeline.results.result_store import ResultStore
from pipeline.sweep.coordinator import run_study

STUDY = """
study: shops
simulate:
  markets: 2
  firms: [A, B, C, D]
  periods: 60
  start: 2024-01-01
  frequency: week
  total_sales: 50.0e+6
  variation: 0.03
  invested: 0.1
  campaign: 6
  efforts: {discount: {part: 0.5}, place: {part: 0.5}}
  truth:
    response: {discount: linear, place: michaelis_menten}
    carry_over: {kind: none, discount: geometric}
    parameters: {discount: 2.0, discount.delta: 0.4, place: 0.3, place.h: 0.05,
      jump_price: 50.0e+6, returns_to_scale: 0.0}
  noise: 0.01
models:
  form: [investment, proportional]
  response: {name: mixed, discount: linear, place: michaelis_menten}
  firm_effects: none
  carry_over: {kind: none, discount: geometric}
fit: {starts: 4}
cluster: {kind: serial}
store: store
seed: 5
"""


def run_shops(folder: Path, text: str = STUDY) -> ResultStore:
    """Calibrate the shops into a store in this folder."""
    (folder / "study.yaml").write_text(text)
    study = load_study(folder / "study.yaml")
    run_study(study)
    return open_store(study.store_location)
