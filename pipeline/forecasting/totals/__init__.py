"""Parts of the forecasts of total sales: level, regression, marketing pressure, held-out errors."""
