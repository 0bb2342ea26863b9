"""From starting points to the optima that they lead to."""
