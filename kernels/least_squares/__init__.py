"""Residuals of a market model, and bounded least squares for one or for many problems."""
