"""How errors of shares go on from period to period, and what the lengths of periods make of them."""
