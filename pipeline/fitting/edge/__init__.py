"""Fits that the bound f >= 0 holds: where f is at it, and steps of least squares that keep it."""
