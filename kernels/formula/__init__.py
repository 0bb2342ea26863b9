"""Formulas as data: parsed, differentiated, lowered to programs that one interpreter runs."""
