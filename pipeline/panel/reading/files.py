"""Files of data, on this machine or behind a URL."""

import importlib.util
import os
from typing import BinaryIO

import fsspec
from fsspec.implementations.arrow import ArrowFSWrapper
from fsspec.implementations.local import LocalFileSystem
from fsspec.utils import infer_compression

from pipeline.config.sections.location import is_url


def locate(location: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """Give the file system of a path or URL, and the path in it.

    S3 is reached through pyarrow unless s3fs is installed; both read the usual AWS environment variables and
    profiles.

    Raises
    ------
    ImportError
        When the package for this kind of URL is not installed.
    ValueError
        When no package for this kind of URL is known.
    """
    if not is_url(location):
        return LocalFileSystem(), location
    scheme, _, path = location.partition("://")
    if scheme in ("s3", "s3a") and importlib.util.find_spec("s3fs") is None:
        from pyarrow.fs import S3FileSystem

        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        return ArrowFSWrapper(S3FileSystem(endpoint_override=endpoint)), path
    filesystem, path = fsspec.core.url_to_fs(location)
    return filesystem, path


def open_binary(location: str) -> BinaryIO:
    """Open a file for reading; compressed files (.gz, .bz2, .xz, ...) are decompressed.

    Raises
    ------
    ImportError, ValueError
        As `locate`.
    OSError
        When it cannot be read.
    """
    filesystem, path = locate(location)
    file: BinaryIO = filesystem.open(path, "rb", compression=infer_compression(path))
    return file
