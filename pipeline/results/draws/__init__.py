"""Draws of parameters that stand for what is not known of them, for the tools of Bayesian statistics."""
