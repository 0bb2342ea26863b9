"""Intervals that take the model to other parameters or other data, and fit it again."""
