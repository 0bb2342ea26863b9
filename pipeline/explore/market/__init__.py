"""The page of one market: what is known of it, and sliders over what its firms could do."""
