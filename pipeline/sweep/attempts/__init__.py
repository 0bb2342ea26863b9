"""Attempts at a sweep beside the plain one: fits done again, limited time, a line of what happened."""
