"""Numerical kernels of the Basic Equation of Economic Dynamics: numbers in, numbers out."""
