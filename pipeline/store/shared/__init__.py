"""What all markets of a sweep say together, computed once for each window and read by every worker."""
