"""Scenarios and markets that tests of forecasts begin with."""

import numpy as np
from plain_market import plain_market

from pipeline.config.sections.scenario import Scenario


def scenario(**given):
    return Scenario.model_validate({"scenario": "test", "horizon": 5, "uncertainty": {"draws": 0}} | given)


def random_market(**given):
    rng = np.random.default_rng(1)
    settings = {
        "curves": ["linear", "michaelis_menten"],
        "theta": np.array([2.0, 0.3, 0.05]),
        "horizon": 5,
    } | given
    return plain_market([0.2, 0.3, 0.5], rng.uniform(0.02, 0.15, (2, 20, 3)), **settings)
