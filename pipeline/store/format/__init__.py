"""The on-disk format: groups, arrays, axes, codes and versions, as records."""
