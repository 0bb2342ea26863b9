"""Experiments in the fit of a model: what it says of them, as rows of its residual."""
