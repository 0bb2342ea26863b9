"""From a study file and overrides to a checked `Study`."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from pipeline.config_study import Study


def load_study(path: str | Path, overrides: Sequence[str] = ()) -> Study:
    """Read a study."""
    content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    return Study.model_validate(content, context={"folder": str(Path(path).resolve().parent)})
