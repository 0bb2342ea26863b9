"""The process that answers SQL: questions come in on the standard input, answers go out."""

import pickle
import signal
import sys
from functools import lru_cache

from pipeline.errors import BeedError
from pipeline.explore.sql.question import Answer, Question
from pipeline.results.result_store import ResultStore, open_store


def main() -> None:
    """Say that it is there, and answer until nobody asks any more."""
    # Ctrl-C is for the server, which ends this process by closing its input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out, sys.stdout = sys.stdout.buffer, sys.stderr
    pickle.dump(Answer(None), out)
    out.flush()
    while True:
        try:
            question: Question = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(answer(question), out)
        out.flush()


def answer(question: Question) -> Answer:
    """Answer a question, or say why there is no answer."""
    try:
        table = _opened(question.url, question.sweep, question.snapshot).sql(
            question.sql, timeout=question.seconds
        )
    except BeedError as error:
        return Answer(None, error=str(error))
    except MemoryError:
        return Answer(None, error="The query needs more memory than there is. Ask for less.")
    return Answer(table.take(slice(question.rows)), len(table))


@lru_cache(maxsize=1)
def _opened(url: str, sweep: str, snapshot: str) -> ResultStore:
    return open_store(url, sweep=sweep, snapshot=snapshot)


if __name__ == "__main__":
    main()
