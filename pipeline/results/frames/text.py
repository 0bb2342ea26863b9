"""A table as aligned text."""

from collections.abc import Mapping

import numpy as np

from pipeline.results.frames.cells import format_cell, plain_values


def aligned_text(columns: Mapping[str, np.ndarray]) -> str:
    """Write columns beside each other, six digits, numbers to the right."""
    cells = [[format_cell(value) for value in plain_values(column)] for column in columns.values()]
    numeric = [column.dtype.kind in "biuf" for column in columns.values()]
    widths = [
        max(len(name), *map(len, column)) if column else len(name)
        for name, column in zip(columns, cells, strict=True)
    ]
    lines = [list(columns), ["-" * width for width in widths], *zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in lines
    )
