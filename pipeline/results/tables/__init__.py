"""What is stored, and what follows from it, as flat tables."""
