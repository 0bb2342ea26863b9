"""What is done when all fits of a sweep are: trajectories of the best models."""
