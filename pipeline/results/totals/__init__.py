"""Total sales of a market: how they go on, and how well each model forecast held-out periods."""
