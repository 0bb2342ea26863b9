"""Arrays made and filled: empty ones of a sweep, chunks of results, panels, tables, and the commits."""
