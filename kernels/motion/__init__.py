"""Shares over time, exactly, and their derivatives, for each of the three forms."""
