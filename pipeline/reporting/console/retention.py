"""What people are told of the care of stores: what pruning took away, what is damaged."""

from rich.console import Console

from pipeline.reporting.console.printing import print_line, print_table
from pipeline.results.frames.table import Table
from pipeline.store.integrity.verify import Verification
from pipeline.store.prune import Pruned
from pipeline.store.store import Store
from pipeline.sweep.before.cost import readable_bytes
from pipeline.vintages.retention import Retention


def show_pruned(console: Console, store: Store, chosen: Retention, pruned: Pruned | None) -> None:
    """Print what was removed; without `pruned`, what would be."""
    rows = [(head.name, head.state.value, head.created, head.date) for head in chosen.sweeps]
    if rows:
        title = "To be removed" if pruned is None else "Removed"
        print_table(
            console, title, Table.from_rows(("sweep", "state", "created", "vintage"), rows), rows=1000
        )
    lines = [f"Note: {note}" for note in chosen.notes]
    if pruned is None:
        lines.append(f"{len(rows)} sweeps would be removed from {store.location.url}; nothing was changed.")
    else:
        lines.append(
            f"Removed {len(rows)} sweeps and {len(pruned.panels)} panels of data, "
            f"{readable_bytes(pruned.bytes)} freed."
        )
        if tags := store.tags():
            lines.append(
                f"{len(tags)} tags stay, {tags[-1]} the last; what their snapshots hold stays with them."
            )
    for line in lines:
        print_line(console, line)


def show_verified(console: Console, found: Verification) -> None:
    """Print what is damaged, and how much was read."""
    for damage in found.damage:
        print_line(console, str(damage))
    counted = f"{found.chunks} chunks of {found.arrays} arrays were read"
    print_line(console, f"{counted}; {len(found.damage) or 'none'} damaged.")
    if found.unprotected:
        print_line(
            console,
            f"{found.unprotected} arrays are of an earlier version, without checksums: what can be read of "
            "them is taken as right.",
        )
