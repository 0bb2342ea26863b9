"""Efforts that answer to the market: what instruments explain of them, and what they leave."""
