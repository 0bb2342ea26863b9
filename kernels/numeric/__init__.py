"""What all kernels stand on: the compiler, elementary functions, coordinates of the simplex."""
