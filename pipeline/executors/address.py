"""Workers of a dask scheduler that somebody else has started, over tcp:// or tls://."""

from collections.abc import Callable, Iterable
from contextlib import suppress

from distributed import Client, Security

from pipeline.config.sections.cluster import ClusterSection
from pipeline.errors import ClusterError
from pipeline.executors.dask_client import WorkerSetup, drive, prepare_workers
from pipeline.executors.dask_logs import logs_in_file
from pipeline.executors.jobs import Hooks

#: Seconds to wait for the scheduler, and for a first worker or for one to come back.
TIMEOUT = 60.0


def security(settings: ClusterSection) -> Security | None:
    """Make the TLS settings of a ``tls://`` address from the files named in the study; None for ``tcp://``."""
    if settings.tls is None:
        return None
    return Security(
        tls_ca_file=str(settings.tls.ca),
        tls_client_cert=str(settings.tls.certificate),
        tls_client_key=str(settings.tls.key),
        require_encryption=True,
    )


def run[Job, Result](
    jobs: Iterable[Job], work: Callable[[Job], Result], settings: ClusterSection, hooks: Hooks[Job, Result]
) -> bool:
    """Do the jobs on the workers of the scheduler at `settings.address`."""
    with logs_in_file(hooks.on_note, workers=False), _connected(settings) as client:
        prepare_workers(client, hooks, ignore_interrupts=False)
        try:
            return drive(client, jobs, work, hooks, timeout=TIMEOUT)
        finally:
            # A scheduler that is gone has no plug-in left to take away, and the client may not know yet.
            if client.status == "running":
                with suppress(OSError):
                    client.unregister_worker_plugin(WorkerSetup.name)


def _connected(settings: ClusterSection) -> Client:
    try:
        return Client(settings.address, security=security(settings), timeout=TIMEOUT)
    except (OSError, TimeoutError, TypeError, ValueError) as error:
        raise ClusterError(
            f"No dask scheduler answers at {settings.address}: {type(error).__name__}: {error}. Check the "
            "address, the firewall and, for tls://, the certificate files of cluster.tls; start one with "
            "'dask scheduler'."
        ) from error
