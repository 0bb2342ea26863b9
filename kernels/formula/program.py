"""Programs: formulas as data, run by one compiled interpreter, so that no formula ever causes a compilation.

A program is a list of instructions ``(operation, out, a, b, c, mask)``. The first part works on scalars
(constants, parameters and what follows from them alone) and runs once a call; the second works on tiles of
the effort, held in registers that stay in the processor's nearest cache. `mask` says which results need the
instruction: bit 0 the value, bit 1 + j the derivative in parameter j, the next bit the derivative in the
effort.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.formula.instructions import LAST, SCALAR_A, SCALAR_B, STORE, execute
from kernels.formula.program_set import TILE, ProgramSet
from kernels.numeric.jit import jit_enabled
from kernels.numeric.jit_apart import jit_apart
from kernels.numeric.rows import copy_to

type Array = npt.NDArray[np.float64]

MAX_PARAMETERS = 60
"""Parameters of one program: one bit of the mask each."""


@dataclass(frozen=True, eq=False)
class Program:
    """A compiled curve g(u; parameters).

    Attributes
    ----------
    text : str
        The formula.
    variable : str
        The effort's name in it.
    parameters : tuple of str
        Order of `gradient` rows.
    constants : ndarray (n_constants,)
        Scalars are laid out as constants, then parameters, then intermediate results.
    scalar_code, vector_code : ndarray of int64 (n, 6)
        Instructions.
    n_scalars, n_registers : int
        Scalars and vector registers it needs; register 0 holds the effort.
    """

    text: str
    variable: str
    parameters: tuple[str, ...]
    constants: Array
    scalar_code: npt.NDArray[np.int64]
    vector_code: npt.NDArray[np.int64]
    n_scalars: int
    n_registers: int

    def __post_init__(self) -> None:
        """Refuse instructions that would reach outside their arrays: compiled code does not look."""
        if len(self.parameters) > MAX_PARAMETERS:
            raise ValueError(f"A curve has at most {MAX_PARAMETERS} parameters, got {len(self.parameters)}.")
        if len(self.constants) + len(self.parameters) > self.n_scalars or self.n_registers < 1:
            raise ValueError("A program needs a scalar for each constant and parameter, and a register.")
        for code, size in ((self.scalar_code, self.n_scalars), (self.vector_code, self.n_registers)):
            on_scalars = code is self.scalar_code
            for operation, out, a, b, c, _ in code.tolist():
                limits = (
                    len(self.parameters) + 2 if operation == STORE else size,
                    self.n_scalars if operation in SCALAR_A else size,
                    self.n_scalars if operation in SCALAR_B else size,
                    size,
                )
                inside = all(0 <= place < limit for place, limit in zip((out, a, b, c), limits, strict=True))
                mixed = operation == STORE or operation in SCALAR_A or operation in SCALAR_B
                if not inside or not 0 <= operation <= LAST or (on_scalars and mixed):
                    raise ValueError(f"The program of {self.text!r} holds an impossible instruction.")

    def evaluate(self, u: npt.ArrayLike, parameters: Sequence[float] | Array) -> tuple[Array, Array, Array]:
        """Evaluate the curve and its derivatives.

        Parameters
        ----------
        u : array_like (...)
            Effort.
        parameters : sequence of float
            Natural values, in the order of `parameters`.

        Returns
        -------
        value : ndarray (...)
        gradient : ndarray (n_parameters, ...)
        slope : ndarray (...)
            dg/du.
        """
        effort = np.asarray(u, dtype=np.float64)
        flat = np.ascontiguousarray(effort.reshape(-1))
        values = np.asarray(parameters, dtype=np.float64)
        if values.shape != (len(self.parameters),):
            expected = ", ".join(self.parameters)
            raise ValueError(
                f"Curve {self.text!r} has the parameters ({expected}); got {values.size} values."
            )
        programs = stack_programs((self,))
        scalars, registers = make_registers(programs)
        value, slope = np.empty(flat.size), np.empty(flat.size)
        gradient = np.empty((values.size, flat.size))
        run_program(
            programs, 0, flat, values, np.arange(values.size), scalars, registers, value, gradient, slope
        )
        shape = effort.shape
        return value.reshape(shape), gradient.reshape(values.size, *shape), slope.reshape(shape)


def stack_programs(programs: Sequence[Program]) -> ProgramSet:
    """Join programs (perhaps none) into one set of arrays."""
    code: list[Any] = [np.empty((0, 6), dtype=np.int64)]
    constants: list[Any] = [np.empty(0)]
    layout = np.zeros((len(programs), 8), dtype=np.int64)
    instruction = constant = 0
    for row, program in zip(layout, programs, strict=True):
        code += [program.scalar_code.reshape(-1, 6), program.vector_code.reshape(-1, 6)]
        constants.append(program.constants)
        vector = instruction + len(program.scalar_code)
        end = vector + len(program.vector_code)
        last = constant + len(program.constants)
        row[:] = (
            *(instruction, vector, end, constant, last),
            *(len(program.parameters), program.n_scalars, program.n_registers),
        )
        instruction, constant = end, last
    return ProgramSet(np.concatenate(code), np.concatenate(constants), layout)


def make_registers(programs: ProgramSet) -> tuple[Array, Array]:
    """Give the scratch arrays `scalars` (n, 1) and `registers` (n, TILE) for any program of the set."""
    largest = programs.layout.max(axis=0, initial=1)
    return np.zeros((int(largest[6]), 1)), np.zeros((int(largest[7]), TILE))


def _run_program(
    programs: ProgramSet,
    which: int,
    u: Array,
    parameters: Array,
    rows: npt.NDArray[np.int64],
    scalars: Array,
    registers: Array,
    value: Array,
    gradient: Array,
    slope: Array,
) -> None:
    """Run one program of a set over a block of efforts.

    Parameters
    ----------
    programs : ProgramSet
        The set, from `stack_programs`.
    which : int
        Index of the program.
    u : float64 (E,)
        Effort.
    parameters : float64 (m,)
        Parameters of this program.
    rows : int64 (m,)
        Row of `gradient` for each parameter, or -1: not wanted, and not computed.
    scalars, registers : float64
        Scratch, from `make_registers`.
    value : float64 (E,)
        Output: g.
    gradient : float64 (C, E)
        Output: dg/d parameter; rows that `rows` does not name stay as they are.
    slope : float64 (E,) or (0,)
        Output: dg/du; not computed when empty.
    """
    layout = programs.layout[which]
    constants = layout[4] - layout[3]
    for k in range(constants):
        scalars[k, 0] = programs.constants[layout[3] + k]
    wanted = np.int64(1)
    for j in range(layout[5]):
        scalars[constants + j, 0] = parameters[j]
        if rows[j] >= 0:
            wanted |= np.int64(2) << np.int64(j)
    if slope.size > 0:
        wanted |= np.int64(2) << np.int64(layout[5])
    code = programs.code
    # Numbers written as such would be types of their own, and all instructions be compiled twice.
    none, one = np.int64(0), np.int64(1)
    execute(code, layout[0], layout[1], wanted, scalars, scalars, none, one, rows, value, gradient, slope)
    for start in range(0, u.size, TILE):
        n = min(TILE, u.size - start)
        copy_to(registers[0, :n], u[start : start + n])
        execute(
            code, layout[1], layout[2], wanted, scalars, registers, start, n, rows, value, gradient, slope
        )


# Without compilation numpy would warn about each logarithm of zero; compiled code leaves that to the caller.
run_program: Callable[..., None] = (
    jit_apart("none")(_run_program) if jit_enabled() else np.errstate(all="ignore")(_run_program)
)
