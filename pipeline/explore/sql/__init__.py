"""SQL in a process of its own, so that what takes too long or too much can be ended."""
