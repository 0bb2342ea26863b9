"""Where a store is: a directory, or ``s3://bucket/prefix``; and the Icechunk repository found there."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import icechunk

from pipeline.errors import StoreError, StoreNotFoundError
from pipeline.store.integrity.checksums import check_references, check_snapshot, record
from pipeline.store.integrity.explain import explained
from pipeline.store.locks import refs_locked
from pipeline.urls import has_user_info, without_user_info

BRANCH = "main"
INITIAL_SNAPSHOT = "1CECHNKREP0F1RSTCMT0"
"""Icechunk's name for the empty state that every repository begins with."""
#: Chunks along the markets whose places are in one file.
LISTED_CHUNKS = 128
#: What Icechunk has made when the creation of a repository was cut short: nothing but the empty state.
_BEGUN = frozenset({"repo", "snapshots", "transactions", "manifests", "chunks", "overwritten"})


@dataclass(frozen=True, slots=True)
class Location:
    """The address of a store.

    Parameters
    ----------
    url
        As the user wrote it.
    root
        The directory of a local store; None for an object store.
    durable
        Whether what writes to a local store waits until the disk has it.
    """

    url: str
    root: Path | None
    durable: bool = False

    @classmethod
    def parse(cls, path: str | Path, *, durable: bool = False) -> "Location":
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
            return cls(text, Path(text).expanduser().absolute(), durable)
        if parts.scheme == "file":
            return cls(text, Path(parts.path), durable)
        if parts.scheme != "s3":
            raise StoreError(f"Got a store at {text}; a store is a directory or s3://bucket/prefix.")
        if not parts.netloc or not parts.path.strip("/"):
            raise StoreError(
                f"Got a store at {text}; an S3 address names a bucket and a prefix: s3://bucket/prefix."
            )
        return cls(text, None, durable)

    def storage(self) -> icechunk.Storage:
        """Icechunk's storage for this address.

        S3 credentials, region and endpoint come from the environment (``AWS_ACCESS_KEY_ID``,
        ``AWS_REGION``, ``AWS_ENDPOINT_URL_S3`` or ``AWS_ENDPOINT_URL``, ...), never from the address: what is
        pickled for workers then holds no secret.
        """
        # What it logs is said in sentences (see `pipeline.store.integrity.explain`); its warning about local
        # filesystems is what the lock of this package is for.
        icechunk.set_logs_filter(os.environ.get("ICECHUNK_LOG", "off"))
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
            raise self.missing()
        with explained(f"The store at {self.url} cannot be opened"):
            try:
                return icechunk.Repository.open(self.storage(), config=_settings())
            except icechunk.RepositoryNotFoundError as error:
                self._refuse_lost_references()
                raise self.missing() from error

    def open_or_create(self) -> icechunk.Repository:
        """Open the repository, making an empty one first where there is nothing.

        Raises
        ------
        StoreError
            The directory holds something else, or cannot be written.
        """
        if self.root is not None:
            self._make_directory()
        with explained(f"The store at {self.url} cannot be created"), refs_locked(self.root):
            storage = self.storage()
            if icechunk.Repository.exists(storage):
                return icechunk.Repository.open(storage, config=_settings())
            self._refuse_lost_references()
            self._refuse_foreign_files()
            self._remove_begun()
            # The lock file is there already, so the library's own check would refuse.
            repository = self._create_on_s3(storage) if self.root is None else _create(storage, clean=False)
            record(self.root, INITIAL_SNAPSHOT)
            return repository

    def checked(self, session: icechunk.Session) -> icechunk.Session:
        """Hold the references of the store and the snapshot of a session against their checksums.

        Raises
        ------
        StoreError
            One of them is not what was written.
        """
        check_references(self.root, self.url)
        check_snapshot(self.root, self.url, session.snapshot_id)
        return session

    def missing(self) -> StoreNotFoundError:
        """Make the error that says that there is no store here."""
        return StoreNotFoundError(
            f"There is no store at {self.url}; `beed run STUDY.yaml` makes one at the path its study names."
        )

    def _make_directory(self) -> None:
        assert self.root is not None
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"The store at {self.url} cannot be created: {error.strerror}.") from error

    def _refuse_lost_references(self) -> None:
        """Refuse a local store that has everything but its references: that is damage, and no empty place."""
        if self.root is not None and (self.root / "snapshots").is_dir() and not self._begun():
            raise StoreError(
                f"The store at {self.url} has lost its file 'repo', which holds branches and tags. Put it "
                "back from a backup; the newest file in its folder 'overwritten' is the state before the "
                "last commit."
            )

    def _begun(self) -> bool:
        """Tell whether a creation was cut short here: the empty state is there, no references, nothing else.

        Icechunk writes the references last, so whoever made them never got to use the store.
        """
        assert self.root is not None
        files = [path.relative_to(self.root) for path in self.root.rglob("*") if path.is_file()]
        return all(_is_begun(path.as_posix()) for path in files if not path.parts[0].startswith("beed"))

    def _remove_begun(self) -> None:
        """Remove what a creation that was cut short has left; under the lock, so nobody is at it."""
        if self.root is not None:
            for path in list(self.root.iterdir()):
                if path.name.partition("#")[0] in _BEGUN:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _create_on_s3(self, storage: icechunk.Storage) -> icechunk.Repository:
        try:
            return _create(storage, clean=True)
        except icechunk.AlreadyExistsError:  # another coordinator was faster
            return icechunk.Repository.open(storage, config=_settings())
        except icechunk.InvalidInputError as error:
            names = [info.key.lstrip("/") for info in storage.list_objects_metadata()]
            if all(_is_begun(name) for name in names):
                return _create(storage, clean=False)
            raise StoreError(
                f"At {self.url} there are other files ({', '.join(names[:3])}); a store wants a prefix of "
                "its own."
            ) from error

    def _refuse_foreign_files(self) -> None:
        if self.root is None:
            return
        foreign = sorted(
            path.name
            for path in self.root.iterdir()
            if not path.name.startswith("beed") and path.name.partition("#")[0] not in _BEGUN
        )
        if foreign or not self._begun():
            raise StoreError(
                f"The directory {self.url} holds other files ({', '.join(foreign[:3])}); a store wants an "
                "empty directory, or one that does not exist yet."
            )


def _settings() -> icechunk.RepositoryConfig:
    """Cut the lists of chunks along the markets.

    A commit writes anew every list that it adds to. Left whole, they are as long as the sweep: a commit at
    the end would take a hundred times as long as at the beginning, and write as many bytes.
    """
    first = icechunk.ManifestSplitDimCondition.Axis(0)
    splitting = icechunk.ManifestSplittingConfig.from_dict(
        {icechunk.ManifestSplitCondition.AnyArray(): {first: LISTED_CHUNKS}}
    )
    return icechunk.RepositoryConfig(manifest=icechunk.ManifestConfig(splitting=splitting))


def _is_begun(name: str) -> bool:
    """Tell whether a file is one that Icechunk makes with the empty state, or a part of one (``#1``)."""
    folder, _, file = name.partition("#")[0].rpartition("/")
    return (folder, file) == ("", "repo") or (
        folder in ("snapshots", "transactions") and file == INITIAL_SNAPSHOT
    )


def _create(storage: icechunk.Storage, *, clean: bool) -> icechunk.Repository:
    """Make an empty repository; with ``clean``, the library refuses a place where anything is."""
    return icechunk.Repository.create(storage, config=_settings(), check_clean_root=clean)
