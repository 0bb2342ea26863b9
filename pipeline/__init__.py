"""From one YAML study to calibrated markets in a store that can be asked."""
