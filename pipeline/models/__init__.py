"""Labels meet kernels: one variant on one market, its parameters, priors and predictive distribution."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "market_model": ["MarketModel", "build_model"],
        "predictive": ["PredictiveDistribution"],
        "quantities": ["MarketParameter"],
    },
)
