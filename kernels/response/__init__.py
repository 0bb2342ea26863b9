"""The response f and its gradients: curves, carry-over, firm effects, a link."""
