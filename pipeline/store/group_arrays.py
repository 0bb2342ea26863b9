"""The arrays of a group by name, opened when they are asked for: a point query needs two of twenty."""

from collections.abc import Iterator, Mapping

import zarr

from pipeline.store.integrity.explain import explained


class GroupArrays(Mapping[str, zarr.Array]):
    """Arrays of one group, each opened once.

    Parameters
    ----------
    group
        Opened for reading; of a snapshot, so that what is in it does not change.
    """

    def __init__(self, group: zarr.Group) -> None:
        self._group = group
        self._opened: dict[str, zarr.Array] = {}
        self._names: tuple[str, ...] | None = None

    def __getitem__(self, name: str) -> zarr.Array:
        if name not in self._opened:
            with explained(f"The array {self._group.path}/{name} of the store cannot be read"):
                node = self._group.get(name)
            if not isinstance(node, zarr.Array):
                raise KeyError(name)
            self._opened[name] = node
        return self._opened[name]

    def __iter__(self) -> Iterator[str]:
        if self._names is None:
            opened = dict(self._group.arrays())
            self._opened, self._names = opened | self._opened, tuple(opened)
        return iter(self._names)

    def __len__(self) -> int:
        return sum(1 for _ in self)
