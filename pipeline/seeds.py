"""Random numbers that depend on what is fitted, never on where, when, or in which chunk."""

import hashlib
from typing import Any

import numpy as np


def fit_seed(root: int, model: str, market: Any) -> np.random.SeedSequence:
    """Give the seed of one fit: a child of the study's seed, named by market and model.

    Parameters
    ----------
    root
        The study's `seed`.
    model
        Name of the model variant.
    market
        Label of the market; integers and strings of the same text are the same market.

    Returns
    -------
    numpy.random.SeedSequence
        Spawn further children for parts of the fit (starts, replicates).

    Notes
    -----
    ``SeedSequence.spawn`` numbers children in order, so the numbers of a market would change when another
    one is added before it; a hash of the names as `spawn_key` does not.
    """
    digest = hashlib.sha256(f"{model}\n{market}".encode()).digest()
    return np.random.SeedSequence(root, spawn_key=tuple(np.frombuffer(digest, dtype="<u4").tolist()))
