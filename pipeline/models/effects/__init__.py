"""What efforts do to shares under a calibrated model: exact derivatives, and shares of a change."""
