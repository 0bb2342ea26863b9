"""Checks that involve several fields of a study: a file for each section."""
