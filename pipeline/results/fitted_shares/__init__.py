"""Shares as calibrated: read where they are stored, computed from the estimates where they are not."""
