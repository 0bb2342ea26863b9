"""YAML files as documents: whatever is wrong with a file becomes a problem of its document."""

from pathlib import Path

from pipeline.config.yaml.document import Document, read_yaml
from pipeline.errors import Problem
from pipeline.names import did_you_mean_file

_LARGEST_FILE = 1_000_000
"""Bytes."""


def read_document(path: Path, what: str) -> Document:
    """Read a YAML file.

    Parameters
    ----------
    path
        The file.
    what
        What it should be, for messages: ``a study``.

    Returns
    -------
    Document
        With its problems; a file that is missing, too large, empty or not UTF-8 raises nothing.
    """
    document = Document(str(path))
    try:
        size = path.stat().st_size
        if size > _LARGEST_FILE:
            return _unreadable(path, f"{size:,} bytes", f"{what}, which is a page of text")
        document = read_yaml(path.read_text(encoding="utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        got = f"the byte 0x{error.object[error.start]:02X} at position {error.start}"
        return _unreadable(path, got, "text in UTF-8")
    except FileNotFoundError:
        return _unreadable(path, "no such file", f"{what} in YAML", did_you_mean_file(path, "*.y*ml"))
    except OSError as error:
        return _unreadable(path, str(error.strerror or error).lower(), f"{what} in YAML")
    if document.content is None and not document.problems:
        return _unreadable(path, "an empty file", what, "See configs/ for examples.")
    return document


def _unreadable(path: Path, got: str, expected: str, hint: str = "") -> Document:
    return Document(str(path), problems=[Problem(str(path), None, "", got, expected, hint)])
