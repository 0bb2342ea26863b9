"""Groups and arrays for reading that say in a sentence what is damaged, and give no numbers for what is lost.

Every array carries a checksum of each chunk (zstd's own), which its codec holds against what was read. What
no codec can see is a chunk whose entry in the index is gone: zarr then gives the fill value, as for a chunk
that was never written. Everything that is complete is therefore read with missing chunks as errors.
"""

from collections.abc import Generator
from typing import Any

import zarr
from zarr.codecs import ZstdCodec
from zarr.core.array_spec import ArrayConfigParams

from pipeline.store.format.catalogue import VARIABLES
from pipeline.store.integrity.explain import explained

#: How all arrays are written. Also a chunk that equals the fill value is written: none may be missing.
COMPRESSORS = (ZstdCodec(level=0, checksum=True),)
WRITE_ALL: ArrayConfigParams = {"write_empty_chunks": True}


class CheckedArray(zarr.Array):
    """An array whose damage is an error in words."""

    @property
    def checksums(self) -> bool:
        """Whether it is one of those that are written with checksums, and without leaving chunks out."""
        return any(getattr(codec, "checksum", False) for codec in self.compressors)

    def get_basic_selection(self, *given: Any, **options: Any) -> Any:
        """Select by slices and integers."""
        with self._explained():
            return super().get_basic_selection(*given, **options)

    def get_orthogonal_selection(self, *given: Any, **options: Any) -> Any:
        """Select along each axis by itself."""
        with self._explained():
            return super().get_orthogonal_selection(*given, **options)

    def get_coordinate_selection(self, *given: Any, **options: Any) -> Any:
        """Select cells."""
        with self._explained():
            return super().get_coordinate_selection(*given, **options)

    def get_mask_selection(self, *given: Any, **options: Any) -> Any:
        """Select by a mask."""
        with self._explained():
            return super().get_mask_selection(*given, **options)

    def _explained(self) -> Any:
        return explained(f"The array {self.path} of the store cannot be read")


class CheckedGroup(zarr.Group):
    """A group whose arrays are `CheckedArray`.

    Attributes
    ----------
    complete
        Whether all chunks of the results below have been written.
    """

    complete: bool = True

    def __getitem__(self, path: str) -> Any:
        return self._checked(super().__getitem__(path))

    def members(self, *given: Any, **options: Any) -> Any:
        """List what is below."""
        return tuple((name, self._checked(node)) for name, node in super().members(*given, **options))

    def arrays(self, **options: Any) -> Generator[tuple[str, Any], None]:
        """List the arrays."""
        for name, array in super().arrays(**options):
            yield name, self._checked(array)

    def groups(self, **options: Any) -> Generator[tuple[str, Any], None]:
        """List the groups."""
        for name, group in super().groups(**options):
            yield name, self._checked(group)

    def _checked(self, node: Any) -> Any:
        if isinstance(node, zarr.Array):
            # Labels are written whole when their axis is made.
            return checked_array(node, self.complete or node.basename not in VARIABLES)
        return checked_group(node, self.complete)


def checked_array(array: zarr.Array, complete: bool) -> CheckedArray:
    """Make an array one that explains its errors; with ``complete``, a missing chunk is one."""
    checked = CheckedArray(array._async_array)
    if not (complete and checked.checksums):
        return checked
    return CheckedArray(array.with_config({"read_missing_chunks": False})._async_array)


def checked_group(group: zarr.Group, complete: bool) -> CheckedGroup:
    """Make a group one whose arrays are checked."""
    checked = CheckedGroup(group._async_group)
    object.__setattr__(checked, "complete", complete)  # groups are frozen
    return checked
