"""The search for efforts: the cheapest of one period, of a path, of all periods; and how far they reach."""
