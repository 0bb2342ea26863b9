"""Experiments as data: measured changes of share or sales, read from a table and put beside the panel."""
