"""YAML files to documents: whatever is wrong with a file is a problem of its document."""

from pathlib import Path

from pipeline.config.yaml.document import Document, read_yaml
from pipeline.errors import Problem
from pipeline.names import did_you_mean_file

_LARGEST_FILE = 1_000_000


def read_document(path: Path, what: str) -> Document:
    """Read a YAML file; whatever is wrong with it becomes a problem of the document.

    Parameters
    ----------
    path
        The file.
    what
        What it should be, for messages: ``a study``.
    """
    document = Document(str(path))
    try:
        if path.stat().st_size > _LARGEST_FILE:
            size = f"{path.stat().st_size:,} bytes"
            document.problems.append(Problem(str(path), None, "", size, f"{what}, which is a page of text"))
            return document
        document = read_yaml(path.read_text(encoding="utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        got = f"the byte 0x{error.object[error.start]:02X} at position {error.start}"
        document.problems.append(Problem(str(path), None, "", got, "text in UTF-8"))
    except OSError as error:
        document.problems.append(_missing_file(path, error, what))
    if document.content is None and not document.problems:
        document.problems.append(
            Problem(str(path), None, "", "an empty file", what, "See configs/ for examples.")
        )
    return document


def _missing_file(path: Path, error: OSError, what: str) -> Problem:
    got = "no such file" if isinstance(error, FileNotFoundError) else str(error.strerror or error).lower()
    hint = did_you_mean_file(path, "*.y*ml")
    return Problem(str(path), None, "", got, f"{what} in YAML", hint)
