"""Markets of given shares, without a panel."""

import numpy as np

from pipeline.panel.market import MarketArrays


def market_of(share, efforts=None, total=None, active=None, duration=None):
    share = np.asarray(share, float)
    active = np.isfinite(share) if active is None else active
    times = share.shape[0]
    return MarketArrays(
        market="m",
        firms=np.arange(share.shape[1]),
        times=np.arange(times),
        share=share,
        total_sales=np.ones(times) if total is None else np.asarray(total, float),
        duration=np.ones(times) if duration is None else np.asarray(duration, float),
        efforts=np.zeros((0, *share.shape)) if efforts is None else np.asarray(efforts, float),
        active=active,
    )


def softmax(level):
    weight = np.exp(level - level.max(axis=1, keepdims=True))
    return weight / weight.sum(axis=1, keepdims=True)
