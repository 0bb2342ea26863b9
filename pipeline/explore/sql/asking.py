"""SQL asked in a process of its own, which is ended when the time is up, whatever it is at."""

import pickle
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO

from pipeline.errors import QueryError
from pipeline.explore.sql.question import Answer, Question

# Seconds that the process has to start, and more than the query has for opening the store and sending rows.
_START, _REST = 30.0, 2.0


class Asker:
    """Asks one question after another; the process is started with the first and kept for the next.

    Tables are built before DuckDB sees them, and some of a large sweep take hours or all memory: in a process
    of its own a query can be ended at any point, and what ends it does not end the pages.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.SimpleQueue[Answer | None] = queue.SimpleQueue()

    def ask(self, question: Question) -> Answer:
        """Ask.

        Raises
        ------
        QueryError
            The query is refused, or took too long, or too much memory.
        """
        with self._lock:
            try:
                process = self._started()
                assert process.stdin is not None
                pickle.dump(question, process.stdin)
                process.stdin.flush()
                answer = self._answers.get(timeout=question.seconds + _REST)
            except queue.Empty:
                self.close()
                raise QueryError(
                    f"The query was given up after {question.seconds:g} s. Ask for less, or in a shell with "
                    "more time: `beed query STORE --sql ...`."
                ) from None
            except OSError:
                answer = None
        if answer is None:
            self.close()
            raise QueryError(
                "The query was ended by the system, most likely for want of memory. Ask for less."
            )
        if answer.error:
            raise QueryError(answer.error)
        return answer

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            process.wait()
            # What was under way to it cannot be flushed any more.
            with suppress(OSError):
                if process.stdin is not None:
                    process.stdin.close()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None:
            self._answers = queue.SimpleQueue()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pipeline.explore.sql.answering"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            assert self._process.stdout is not None
            reading = (self._process.stdout, self._answers)
            threading.Thread(target=_read, args=reading, name="answers", daemon=True).start()
            self._answers.get(timeout=_START)
        return self._process


def _read(source: IO[bytes], answers: "queue.SimpleQueue[Answer | None]") -> None:
    """Hand on answers until the process ends."""
    with source, suppress(EOFError, pickle.UnpicklingError, OSError):
        while True:
            answers.put(pickle.load(source))
    answers.put(None)
