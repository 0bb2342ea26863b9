"""Signals as wishes to stop: Ctrl-C (SIGINT), SIGTERM (batch systems, containers), SIGHUP (closed terminals).

Three things can be in the way of a signal. *A commit*: the signal waits until the block of `held` has ended.
*Fits in flight*: inside `stop_on_signals` the first signal sets a flag, and a second one stops at once;
SIGTERM and SIGHUP, after which nobody waits for long, count twice after `PATIENCE` seconds. *Machine code*:
Python calls its handlers between two instructions of its own, so the compiler (calls of seconds) or a query
keeps them waiting; a thread that the operating system wakes (`signal.set_wakeup_fd`) ends the process in
their place.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

#: Seconds that the main thread has to hear of a signal, and jobs in flight have after SIGTERM or SIGHUP.
PATIENCE = 2.0
#: Seconds that a commit may keep a signal waiting.
_LONGEST_COMMIT = 60.0
#: Seconds after which a signal is sent again that came to nothing.
_SOON = 0.2
_AGES = 1e9
_NUMBERS = tuple(
    number
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if (number := getattr(signal, name, None)) is not None  # Windows has no SIGHUP
)
_WORDS = {2: "Ctrl-C", 15: "SIGTERM", 1: "SIGHUP"}


class Stopped(BaseException):
    """A signal ended the work; raised in the main thread, caught where the process ends.

    No `KeyboardInterrupt`, which libraries catch and answer in words of their own.

    Parameters
    ----------
    number
        Of the signal.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)

    @property
    def exit_code(self) -> int:
        """What the shell is told: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""
        return 128 + self.number

    def __str__(self) -> str:
        name = _WORDS.get(self.number, f"signal {self.number}")
        return f"stopped by {name}; everything finished has been kept."


class _State:
    """What the handlers of this process know."""

    def __init__(self) -> None:
        self.listening = False
        self.heard_at = -_AGES
        self.last: int | None = None
        self.held = 0
        self.waiting: int | None = None
        self.stop: threading.Event | None = None
        self.raised: int | None = None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Set the flag, or raise; runs in the main thread."""
        self.heard_at, self.last = time.monotonic(), number
        if self.stop is not None and not self.stop.is_set():
            self.stop.set()
        elif self.held:
            self.waiting = number
        elif self.listening or number != signal.SIGINT:
            self.raised = number
            raise Stopped(number)
        else:  # in a notebook, which knows what to do with it
            signal.default_int_handler(number, frame)


_state = _State()


def last_signal() -> int | None:
    """Give the number of the signal that was heard last; None when there was none."""
    return _state.last


def raised_signal() -> int | None:
    """Give the number of the signal for which `Stopped` was last raised, even if nobody saw it; else None."""
    return _state.raised


def listen() -> None:
    """Let signals raise `Stopped` in this process from now on, and have a thread see to it that they do.

    For programs, once, in the main thread. Signals that whoever started the program has silenced (`nohup`)
    stay silent.
    """
    _state.listening = True
    ours, kernels = socket.socketpair()
    kernels.setblocking(False)
    sys.unraisablehook = _unraised
    signal.set_wakeup_fd(kernels.fileno(), warn_on_full_buffer=False)
    _install()
    # The thread keeps the sockets open.
    threading.Thread(target=_watch, args=(ours, kernels), name="signals", daemon=True).start()


@contextmanager
def stop_on_signals(stop: threading.Event) -> Iterator[None]:
    """Set `stop` on the first signal until the block ends; a second one raises `Stopped`.

    Where nobody called `listen`, a second Ctrl-C raises `KeyboardInterrupt`. Outside the main thread, where
    Python allows no signal handlers, nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before, outer = _install(), _state.stop
    _state.stop = stop
    try:
        yield
    finally:
        _state.stop = outer
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held() -> Iterator[None]:
    """Let signals wait until the block has ended: for commits, which must not be left half done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _state.held += 1
    try:
        yield
    finally:
        _state.held -= 1
        if not _state.held and _state.waiting is not None:
            number, _state.waiting = _state.waiting, None
            raise Stopped(number)


def _install() -> dict[int, Any]:
    """Have the signals handled here; returns their handlers so far."""
    before = {number: signal.getsignal(number) for number in _NUMBERS}
    before = {number: handler for number, handler in before.items() if handler != signal.SIG_IGN}
    for number in before:
        signal.signal(number, _state.handle)
    return before


def _watch(ours: socket.socket, _kernels: socket.socket) -> None:
    """See to it that signals are heard; runs in a thread of its own."""
    while received := ours.recv(1):
        number = received[0]
        if number not in _NUMBERS or signal.getsignal(number) == signal.SIG_IGN:
            continue
        arrived = time.monotonic()
        time.sleep(PATIENCE)
        while _state.held and time.monotonic() - arrived < _LONGEST_COMMIT:
            time.sleep(0.1)
        # Handlers may run before this thread does.
        if _state.heard_at < arrived - 1.0:
            _leave(number)
        elif number != signal.SIGINT and _state.stop is not None:
            os.kill(os.getpid(), number)


def _unraised(ignored: Any) -> None:
    """Send a signal again whose exception was dropped: it was heard in a callback of a library written in C.

    The compiler calls Python back all the time; what is raised there cannot go up, and only broke its work.
    """
    if not isinstance(ignored.exc_value, Stopped):
        sys.__unraisablehook__(ignored)
        return
    again = threading.Timer(_SOON, os.kill, (os.getpid(), ignored.exc_value.number))
    again.daemon = True
    again.start()


def _leave(number: int) -> None:
    """End the process in place of a main thread that is inside machine code."""
    with suppress(OSError):
        os.write(2, f"beed: {Stopped(number)}\n".encode())
    os._exit(128 + number)
