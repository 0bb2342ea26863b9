"""Words for a process that gets no memory: Python's exceptions for it differ, and libraries in C just end."""

from contextlib import suppress

#: Bytes of address space below which libraries (the compiler, BLAS) were seen to abort without an exception:
#: `beed check` did at 2.5 GB.
ENOUGH = 4_000_000_000
_SIGNS = ("failed to map segment", "cannot allocate memory", "cannot apply additional memory protection")


def limit_note() -> str | None:
    """Give a note when the address space of this process is limited to less than `ENOUGH`; else None."""
    with suppress(ImportError, OSError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY and limit < ENOUGH:
            return (
                f"beed: note: this process may use {limit / 1e9:.1f} GB of address space (ulimit -v); with "
                f"less than {ENOUGH / 1e9:.0f} GB libraries may end it in words of their own."
            )
    return None


def memory_sentence(error: BaseException) -> str | None:
    """Say that memory ran out when that is what an exception means; None for all others."""
    reason: BaseException | None = error
    while reason is not None and not _is_memory(reason):
        reason = reason.__cause__ or reason.__context__
    if reason is None:
        return None
    return (
        "beed: out of memory. Raise the limit (ulimit -v, or that of the container or job), or give the work "
        "fewer processes (cluster.workers); everything finished has been kept."
    )


def _is_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, ImportError | OSError) and any(sign in text for sign in _SIGNS)
    )
