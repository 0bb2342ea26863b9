"""Experiments of stored fits: what models say of them, and which would be worth making."""
