"""What data and beliefs leave open of parameters, as a mixture: forecasts and validation draw from it."""
