"""Accounting postings as a source of rows."""
