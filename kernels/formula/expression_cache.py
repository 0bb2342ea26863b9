"""Compiled curves on disk, so that only the first process of a user pays for importing sympy.

One small JSON file a curve. Deleting them is always safe; a file that cannot be read or written is as good as
none.
"""

import hashlib
import importlib.metadata
import json
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from kernels.formula.program import Program
from kernels.numeric.jit import cache_folder

_FORMAT = 1
_SOURCES = (
    "expression_nodes",
    "expression_syntax",
    "expression_derivative",
    "expression_lowering",
    "instructions",
)


def load_program(text: str, variable: str, parameters: tuple[str, ...]) -> Program | None:
    """Read a curve that an earlier process compiled; None when there is none."""
    try:
        record = json.loads(_file(text, variable, parameters).read_bytes())
        if (record["text"], record["variable"], tuple(record["parameters"])) != (text, variable, parameters):
            return None
        return Program(
            *(text, variable, parameters),
            np.array(record["constants"], dtype=np.float64).reshape(-1),
            np.array(record["scalar_code"], dtype=np.int64).reshape(-1, 6),
            np.array(record["vector_code"], dtype=np.int64).reshape(-1, 6),
            *(int(record["n_scalars"]), int(record["n_registers"])),
        )
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError):
        return None  # absent, unreadable or damaged: it will be compiled again


def store_program(program: Program) -> None:
    """Write a curve for later processes; does nothing where that is not possible."""
    record = {
        "text": program.text,
        "variable": program.variable,
        "parameters": program.parameters,
        "constants": program.constants.tolist(),
        "scalar_code": program.scalar_code.tolist(),
        "vector_code": program.vector_code.tolist(),
        "n_scalars": program.n_scalars,
        "n_registers": program.n_registers,
    }
    try:
        target = _file(program.text, program.variable, program.parameters)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=target.parent, suffix=".part", delete=False) as part:
            json.dump(record, part)
        Path(part.name).replace(target)  # other processes see the whole file or none
    except (OSError, RuntimeError):
        return


@cache
def _version() -> str:
    """Change with sympy and with the code that makes programs."""
    digest = hashlib.sha256(f"{_FORMAT} {importlib.metadata.version('sympy')}".encode())
    for name in _SOURCES:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()


def _file(text: str, variable: str, parameters: tuple[str, ...]) -> Path:
    key = json.dumps([_version(), text, variable, parameters])
    return cache_folder() / "programs" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
