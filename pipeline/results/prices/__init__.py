"""Prices that firms set, in currency, and the indices of them that are efforts."""
