"""The engines that do the work of a sweep, one record each: config, checks and help texts follow from it.

To add an engine, add its record here and a file ``pipeline/executors/<name>.py`` with a function ``run`` (see
`pipeline.executors.execute`). Its settings are keys of the section ``cluster``, declared with their types in
`pipeline.config.sections.cluster`. This module imports nothing heavy, because ``beed --help`` reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Where = Literal["this process", "this computer", "elsewhere"]


@dataclass(frozen=True, slots=True)
class Engine:
    """One way to have the work done.

    Attributes
    ----------
    name
        The `kind` of the section ``cluster``, and the name of its file in ``pipeline/executors``.
    help
        Who does the work: a piece of a sentence.
    where
        Where the workers run: memory is checked, and code compiled beforehand, on this computer only.
    settings
        Keys of the section ``cluster`` that it takes.
    """

    name: str
    help: str
    where: Where
    settings: tuple[str, ...] = ()


ENGINES: Mapping[str, Engine] = {
    engine.name: engine
    for engine in (
        Engine("serial", "this process", "this process"),
        Engine(
            "local",
            "processes on this computer",
            "this computer",
            ("workers", "threads", "memory", "dashboard"),
        ),
        Engine("address", "workers of a dask scheduler that runs already", "elsewhere", ("address", "tls")),
        Engine(
            "slurm",
            "jobs of a SLURM queue",
            "elsewhere",
            ("workers", "threads", "memory", "dashboard", "queue", "account", "walltime", "options"),
        ),
    )
}


def describe_engines() -> str:
    """Name all engines with who does the work: ``serial (this process), ...``."""
    return ", ".join(f"{engine.name} ({engine.help})" for engine in ENGINES.values())


def engines_with(setting: str) -> tuple[str, ...]:
    """Name the engines that take a setting."""
    return tuple(engine.name for engine in ENGINES.values() if setting in engine.settings)
