"""Faults done to small runs, again and again: killed, signalled, on a full disk, with a bit flipped.

A run is the real command line with fits that only wait (`slow_market`), in a fork of a process that has
imported what takes long. Icechunk must not be among that: it starts threads when it is imported, and does not
work in a fork of a process that has them. So beed is imported in the forks.
"""

import contextlib
import hashlib
import importlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: Imported before the forks, with all that they import.
HEAVY = (
    "numba pandas xarray xarray.backends.zarr zarr zarr.codecs pydantic typer rich.console rich.progress "
    "rich.table psutil threadpoolctl scipy.optimize lmfit sympy pyarrow duckdb yaml fsspec lazy_loader"
)
MARKETS = 12
STUDY = """
study: faults
data:
  file: panel.csv
  market: store
  firm: brand
  time: week
  sales: sales
  efforts: {price: {kind: index}}
models: {form: [investment, proportional], response: linear}
fit: {starts: 3}
store: runs
cluster: {kind: serial}
"""
#: Attributes that differ from run to run.
#: The index of sweeps repeats when they were made.
VARYING = {"created", "seconds", "versions", "study_text", "study_json", "index"}
#: What each signal should end the command with.
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
TMPFS_BYTES, MOST_BYTES = 4_000_000, 500_000


@dataclass
class Tally:
    """How trials of one fault ended.

    Attributes
    ----------
    trials, survived
        Numbers.
    failures
        Sentences, with how often each.
    """

    trials: int
    survived: int
    failures: Counter


class Trials:
    """Faults in a temporary folder.

    Parameters
    ----------
    folder
        Empty.
    seed
        Of the moments, places and bits.
    """

    def __init__(self, folder, seed=0):
        for name in HEAVY.split():
            importlib.import_module(name)
        self.folder = Path(folder)
        self.random = random.Random(seed)
        self.study = _write_study(self.folder)
        self.log = self.folder / "log"
        os.environ["SLOW_SECONDS"] = "0.002"
        self.reference = self.folder / "reference"
        first = self._fork(lambda: self._run(self.reference))
        started = time.monotonic()
        code = first.wait()
        self.duration = time.monotonic() - started
        assert code == 0, self.log.read_text()
        self.content = json.loads(self.ask(lambda: digest(self.reference)))

    def creation(self, count):
        """Kill the making of a new store, at moments spread over it; then run the study into it."""

        def make(store):
            from pipeline.store.store import Store

            Store.open_or_create(store)

        store = self.folder / "new"
        first = self._fork(lambda: make(self.folder / "other"))
        started = time.monotonic()
        assert first.wait() == 0, self.log.read_text()
        span = time.monotonic() - started
        failures = Counter()
        for number in range(count):
            shutil.rmtree(store, ignore_errors=True)
            making = self._fork(lambda: make(store))
            time.sleep(span * (number + 0.5) / count)
            making.send(signal.SIGKILL)
            making.wait()
            _note(failures, self._judge(store))
        return _tally(count, failures)

    def kills(self, count):
        """Kill runs with -9, then run again to the end."""
        return self._signals(count, {signal.SIGKILL: -signal.SIGKILL})

    def signals(self, count):
        """Send Ctrl-C, SIGTERM and SIGHUP; the run ends in order, with its code, and goes on later."""
        return self._signals(count, SIGNALS)

    def _signals(self, count, expected):
        failures = Counter()
        for number in range(count):
            store = self.folder / f"{number}"
            which = list(expected)[number % len(expected)]
            running = self._fork(lambda store=store: self._run(store))
            time.sleep(self.random.uniform(0.0, self.duration))
            running.send(which)
            code, out = running.wait(), self.log.read_text(errors="replace")
            problem = ""
            if code not in (0, expected[which]):
                problem = f"{which.name}: exit code {code} instead of {expected[which]}"
            if "Traceback" in out:
                problem = f"{which.name}: a traceback: {_last(out)}"
            _note(failures, problem or self._judge(store))
            shutil.rmtree(store, ignore_errors=True)
        return _tally(count, failures)

    def full_disks(self, count):
        """Run out of space (tmpfs where it can be mounted, else a limit on the size of files), then go on."""
        failures = Counter()
        disk = self.folder / "disk"
        with _small_disk(disk) as mounted:
            for number in range(count):
                store, filler, limit = disk / f"{number}", disk / "filler", None
                if mounted:
                    filler.write_bytes(bytes(TMPFS_BYTES - self.random.randrange(4_096, MOST_BYTES)))
                else:
                    limit = self.random.randrange(100, 6_000)
                running = self._fork(lambda store=store: self._run(store), limit)
                code, out = running.wait(), self.log.read_text(errors="replace")
                filler.unlink(missing_ok=True)
                good = code in (0, 2, 4) and "Traceback" not in out
                problem = "" if good else f"exit code {code}: {_last(out)}"
                _note(failures, problem or self._judge(store))
                shutil.rmtree(store, ignore_errors=True)
        return _tally(count, failures)

    def flips(self, count):
        """Flip one bit in a file of a store; all of it is then read as it was, or refused in a sentence."""
        seed, work = self.random.random(), self.folder / "flipped"
        answers = json.loads(self.ask(lambda: _flip(self.reference, work, count, seed, self.content)))
        return _tally(count, Counter(answers))

    def ask(self, question):
        """Answer a question about stores in a process of its own; as JSON."""
        answer = self.folder / "answer"
        answer.unlink(missing_ok=True)
        asked = self._fork(lambda: answer.write_text(json.dumps(question())))
        code = asked.wait()
        assert code == 0, f"{code}: {self.log.read_text()}"
        return answer.read_text()

    def _judge(self, store):
        """Run again after a fault; say what is wrong then, empty when nothing is."""
        answer = self.folder / "answer"
        answer.unlink(missing_ok=True)

        def again():
            from pipeline.store.integrity.verify import verify_store
            from pipeline.store.store import Store

            try:
                self._run(store)
            except SystemExit as leaving:
                if leaving.code:
                    raise
            damage = [str(one) for one in verify_store(Store.open(store)).damage]
            answer.write_text(json.dumps([digest(store), damage]))

        code, out = self._fork(again).wait(), self.log.read_text(errors="replace")
        if code != 0 or "Traceback" in out:
            return f"refused afterwards with {code}: {_last(out)}"
        content, damage = json.loads(answer.read_text())
        if damage:
            return f"damaged: {damage[0]}"
        return "" if content == self.content else "other numbers"

    def _run(self, store):
        """Be `beed run` of the study into a store."""
        import slow_market

        import pipeline.sweep.coordinator
        import pipeline.sweep.plan
        from pipeline.cli.app import main

        pipeline.sweep.coordinator.default_calibrator = lambda: slow_market.CALIBRATOR
        pipeline.sweep.plan.LARGEST_CHUNK = 2
        main(["run", str(self.study), "--set", f"store={store}"])

    def _fork(self, work, limit=None):
        """Start work in a fork; given back when beed is imported there and the work begins."""
        begun, begin = os.pipe()
        number = os.fork()
        if number == 0:
            os.close(begun)
            _child(self.log, limit, begin, work)
        os.close(begin)
        os.read(begun, 1)
        os.close(begun)
        return _Process(number)


@dataclass(frozen=True)
class _Process:
    """A fork."""

    number: int

    def send(self, which):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.number, which)

    def wait(self):
        _, status = os.waitpid(self.number, 0)
        return os.waitstatus_to_exitcode(status)


def digest(path):
    """All numbers, labels and facts of a store in one hash, without what varies from run to run."""
    from pipeline.store.read import open_group
    from pipeline.store.store import Store

    store = Store.open(path)
    found = hashlib.sha256()
    _add(found, open_group(store.session(), ""), "")
    found.update(repr(store.tags()).encode())
    return found.hexdigest()


def _add(found, group, path):
    import zarr

    attributes = {key: value for key, value in group.attrs.asdict().items() if key not in VARYING}
    found.update(f"{path} {json.dumps(attributes, sort_keys=True)}".encode())
    for name, node in sorted(group.members()):
        if not isinstance(node, zarr.Array):
            _add(found, node, f"{path}/{name}")
            continue
        values = np.asarray(node[...])
        described = (
            f"{path}/{name} {node.shape} {node.dtype} {json.dumps(node.attrs.asdict(), sort_keys=True)}"
        )
        found.update(described.encode() + np.ascontiguousarray(values).tobytes())


def _flip(reference, work, count, seed, content):
    """Count what flips were not noticed, or ended in something else than a sentence."""
    from pipeline.errors import BeedError

    chance = random.Random(seed)
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(reference, work)
    files = sorted(path for path in work.rglob("*") if path.is_file() and path.stat().st_size)
    # A kind of file first: there are few chunks, and many small files of other kinds.
    kinds = sorted({path.relative_to(work).parts[0] for path in files} - {"overwritten"})
    answers = Counter()
    for number in range(count):
        kind = kinds[number % len(kinds)]
        path = chance.choice([one for one in files if one.relative_to(work).parts[0] == kind])
        before = path.read_bytes()
        bit = chance.randrange(8 * len(before))
        flipped = bytearray(before)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            if digest(work) != content:
                answers[f"silent: {kind}"] += 1
        except BeedError:
            pass
        except Exception as error:
            answers[f"{kind}: {type(error).__name__}: {str(error).splitlines()[0][:80]}"] += 1
        path.write_bytes(before)
    return answers


def _write_study(folder):
    rows = [
        f"{store},{b},{w},{10 + w * b},{1 + (w + b) % 3}"
        for store in range(MARKETS)
        for b in (0, 1)
        for w in range(4)
    ]
    (folder / "panel.csv").write_text("\n".join(["store,brand,week,sales,price", *rows]) + "\n")
    (folder / "study.yaml").write_text(STUDY)
    return folder / "study.yaml"


def _child(log, limit, begin, work):
    """Do something in a fork and end; output and errors go to a file."""
    code = 1
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        import slow_market  # noqa: F401

        from pipeline.signals import listen

        # As `beed` does first of all. Shells silence some of them in the background.
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        listen()
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        os.close(begin)
        work()
        code = 0
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    except BaseException as error:
        # A signal while modules are imported is answered where `beed` begins.
        code = getattr(error, "exit_code", 1) if type(error).__name__ == "Stopped" else 1
        if code == 1:
            sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        # What the parent registered for its end is not for this process.
        os._exit(code)


def _last(out):
    lines = out.strip().splitlines()
    return lines[-1] if lines else ""


def _note(failures, problem):
    if problem:
        failures[problem] += 1


def _tally(count, failures):
    return Tally(count, count - failures.total(), failures)


@contextlib.contextmanager
def _small_disk(folder):
    """Mount a small file system where that is allowed; gives whether it is."""
    folder.mkdir()
    options = f"size={TMPFS_BYTES},nr_inodes=100000"
    mounted = False
    if os.geteuid() == 0:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True)
        mounted = done.returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", folder], check=True)
