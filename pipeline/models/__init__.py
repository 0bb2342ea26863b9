"""Labels meet kernels: one variant on one market, its parameters, priors and predictive distribution."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "composing.build": ["build_model"],
        "composing.quantities": ["MarketParameter"],
        "market_model": ["MarketModel"],
        "predictive": ["PredictiveDistribution"],
    },
)
