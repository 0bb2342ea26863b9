"""Data that grow week by week, and a study that is kept current: for the tests about time."""

from datetime import date, timedelta

import numpy as np

MONDAY = date(2025, 1, 6)
FIRMS = ("A", "B", "C")
STUDY = """
study: shops
data:
  file: panel.csv
  market: store
  firm: brand
  time: week
  sales: sales
  efforts: {price: {kind: index}, deal: {kind: index}}
models:
  form: [investment, proportional]
  response: mnl
  firm_effects: true
fit: {starts: 4}
recalibration: {schedule: "0 6 * * 1", starts: 1}
store: runs
cluster: {kind: serial}
"""


def week(number):
    """Label of a week, from 0."""
    return (MONDAY + timedelta(7 * number)).isoformat()


def rows(weeks, markets=(1, 2, 3), firms=FIRMS, seed=0):
    """Rows of a panel as mappings; longer ones begin with the rows of shorter ones."""
    found = []
    for market in markets:
        random = np.random.default_rng([seed, market])
        for number in range(weeks):
            price, deal, noise = random.normal(size=(3, len(firms)))
            share = np.exp(0.4 * np.arange(len(firms)) - 0.5 * price + 0.2 * deal + 0.1 * noise)
            sales = 1000.0 * (1.0 + 0.03 * random.normal()) * share / share.sum()
            columns = zip(firms, sales.tolist(), price.tolist(), deal.tolist(), strict=True)
            found += [
                {"store": market, "brand": f, "week": week(number), "sales": s, "price": p, "deal": d}
                for f, s, p, d in columns
            ]
    return found


def write(folder, found, study=STUDY):
    """Write data and study; returns the path of the study."""
    names = ("store", "brand", "week", "sales", "price", "deal")
    lines = [",".join(names)] + [",".join(str(row[name]) for name in names) for row in found]
    (folder / "panel.csv").write_text("\n".join(lines) + "\n")
    (folder / "study.yaml").write_text(study)
    return folder / "study.yaml"
