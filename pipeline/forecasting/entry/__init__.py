"""Firms that enter after the data."""
