"""Attempts at a sweep beside the plain one: fits done again, time that is limited, what it came to in a line."""
