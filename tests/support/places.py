"""Where tests find what several of them share, and the project that they test."""

from pathlib import Path

SUPPORT = Path(__file__).parent
STUDIES = SUPPORT / "studies"
STORES = SUPPORT / "stores"
GOLDEN = SUPPORT / "golden" / "trajectories.json"
BENCHMARKS = SUPPORT.parent / "benchmarks"
ROOT = SUPPORT.parents[1]
CONFIGS = ROOT / "configs"
