"""Where a store is: a directory, or ``s3://bucket/prefix``; and the Icechunk repository found there."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import icechunk

from pipeline.errors import StoreError, StoreNotFoundError
from pipeline.store.locks import refs_locked
from pipeline.urls import has_user_info, without_user_info

BRANCH = "main"


@dataclass(frozen=True, slots=True)
class Location:
    """The address of a store.

    Parameters
    ----------
    url
        As the user wrote it.
    root
        The directory of a local store; None for an object store.
    """

    url: str
    root: Path | None

    @classmethod
    def parse(cls, path: str | Path) -> "Location":
        """Read an address: a path, or ``s3://bucket/prefix``.

        Raises
        ------
        StoreError
            An address of another kind, or an S3 address without bucket or prefix.
        """
        text = str(path)
        parts = urlsplit(text)
        if has_user_info(text):
            raise StoreError(
                f"Got a name or password in the address {without_user_info(text)}; keys come from the "
                "environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or from a profile, because "
                "addresses are written into logs."
            )
        if "://" not in text:
            return cls(text, Path(text).expanduser().absolute())
        if parts.scheme == "file":
            return cls(text, Path(parts.path))
        if parts.scheme != "s3":
            raise StoreError(f"Got a store at {text}; a store is a directory or s3://bucket/prefix.")
        if not parts.netloc or not parts.path.strip("/"):
            raise StoreError(
                f"Got a store at {text}; an S3 address names a bucket and a prefix: s3://bucket/prefix."
            )
        return cls(text, None)

    def storage(self) -> icechunk.Storage:
        """Icechunk's storage for this address.

        S3 credentials, region and endpoint come from the environment (``AWS_ACCESS_KEY_ID``,
        ``AWS_REGION``, ``AWS_ENDPOINT_URL_S3`` or ``AWS_ENDPOINT_URL``, ...), never from the address: what is
        pickled for workers then holds no secret.
        """
        # The lock of this package does what the library warns about on local filesystems.
        icechunk.set_logs_filter(os.environ.get("ICECHUNK_LOG", "error"))
        if self.root is not None:
            return icechunk.local_filesystem_storage(str(self.root))
        parts = urlsplit(self.url)
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        return icechunk.s3_storage(
            bucket=parts.netloc,
            prefix=parts.path.strip("/"),
            region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
            endpoint_url=endpoint,
            allow_http=bool(endpoint and endpoint.startswith("http://")),
            force_path_style=bool(endpoint),
            from_env=True,
        )

    def open(self) -> icechunk.Repository:
        """Open the repository.

        Raises
        ------
        StoreNotFoundError
            There is none.
        """
        if self.root is not None and not self.root.is_dir():
            raise self._missing()
        try:
            return icechunk.Repository.open(self.storage())
        except icechunk.RepositoryNotFoundError as error:
            raise self._missing() from error
        except icechunk.IcechunkError as error:
            raise StoreError(f"The store at {self.url} cannot be opened: {error}") from error

    def open_or_create(self) -> icechunk.Repository:
        """Open the repository, making an empty one first where there is nothing.

        Raises
        ------
        StoreError
            The directory holds something else, or cannot be written.
        """
        if self.root is not None:
            self._make_directory()
        with refs_locked(self.root):
            try:
                storage = self.storage()
                if not icechunk.Repository.exists(storage):
                    self._refuse_foreign_files()
                    # The lock file is there already, so the library's own check would refuse.
                    return icechunk.Repository.create(storage, check_clean_root=self.root is None)
                return icechunk.Repository.open(storage)
            except icechunk.AlreadyExistsError:  # another coordinator was faster, on an object store
                return icechunk.Repository.open(self.storage())
            except icechunk.IcechunkError as error:
                raise StoreError(f"The store at {self.url} cannot be created: {error}") from error

    def _make_directory(self) -> None:
        assert self.root is not None
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"The store at {self.url} cannot be created: {error.strerror}.") from error

    def _refuse_foreign_files(self) -> None:
        if self.root is None:
            return
        foreign = sorted(path.name for path in self.root.iterdir() if not path.name.startswith("beed"))
        if foreign:
            raise StoreError(
                f"The directory {self.url} holds other files ({', '.join(foreign[:3])}); a store wants an "
                "empty directory, or one that does not exist yet."
            )

    def _missing(self) -> StoreNotFoundError:
        return StoreNotFoundError(
            f"There is no store at {self.url}; `beed run STUDY.yaml` makes one at the path its study names."
        )
