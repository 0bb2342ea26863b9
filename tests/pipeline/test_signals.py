"""Signals: a flag first, then an exception; commits are not disturbed; machine code does not keep them up."""

import signal
import subprocess
import sys
import threading
import time

import pytest
from places import ROOT

from pipeline.signals import Stopped, held, last_signal, stop_on_signals

STOPS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


def program(body):
    """Start a program that listens for signals; it has printed a line when the body begins."""
    text = f"from pipeline.signals import *\nimport time\nlisten()\nprint('here', flush=True)\n{body}"
    process = subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout.readline() == "here\n"
    return process


def raise_twice(number, stop, between=lambda: None):
    with stop_on_signals(stop):
        signal.raise_signal(number)
        between()
        signal.raise_signal(number)


def test_first_a_flag_then_an_exception():
    stop, seen = threading.Event(), []
    with pytest.raises(Stopped, match="stopped by SIGTERM") as stopped:
        raise_twice(signal.SIGTERM, stop, lambda: seen.append((stop.is_set(), last_signal())))
    assert seen == [(True, signal.SIGTERM)]
    assert stopped.value.exit_code == 143
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_second_ctrl_c_outside_of_programs_is_what_notebooks_know():
    with pytest.raises(KeyboardInterrupt):
        raise_twice(signal.SIGINT, threading.Event())


def test_a_commit_is_not_disturbed():
    steps = []

    def commit():
        with stop_on_signals(threading.Event()):
            signal.raise_signal(signal.SIGTERM)
            with held():
                steps.append("begun")
                signal.raise_signal(signal.SIGTERM)
                with held():
                    steps.append("inside")
                steps.append("done")
            steps.append("after")

    with pytest.raises(Stopped):
        commit()
    assert steps == ["begun", "inside", "done"]


def test_silenced_signals_stay_silent():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    stop = threading.Event()
    try:
        with stop_on_signals(stop):
            signal.raise_signal(signal.SIGHUP)
        assert not stop.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(("number", "code"), STOPS)
def test_the_shell_is_told_which_signal_it_was(number, code):
    assert Stopped(number).exit_code == code


def test_machine_code_does_not_keep_a_signal_waiting():
    """A minute of hashing is one call that lets no handler of Python run, as compilers do."""
    process = program("import hashlib\nhashlib.pbkdf2_hmac('sha256', b'', b'', 300_000_000)")
    time.sleep(0.3)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 143
    assert time.monotonic() - began < 5
    assert err.startswith("beed: stopped by ")
    assert err.count("\n") == 1


def test_a_signal_heard_in_a_callback_from_c_is_not_lost():
    """What a callback of ctypes raises is dropped; compilers call Python back like that."""
    body = """
import ctypes, os, signal
def deaf():
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.01)
try:
    ctypes.CFUNCTYPE(None)(deaf)()
    time.sleep(20)
except Stopped as stopped:
    raise SystemExit(stopped.exit_code)
"""
    process = program(body)
    _, err = process.communicate(timeout=15)
    assert process.returncode == 143
    assert not err


def test_sigterm_counts_twice_when_fits_take_long():
    body = """
import threading
try:
    with stop_on_signals(threading.Event()):
        print("inside", flush=True)
        while True:
            time.sleep(0.05)
except Stopped as stopped:
    raise SystemExit(stopped.exit_code)
"""
    process = program(body)
    assert process.stdout.readline() == "inside\n"
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143
    assert 1.5 < time.monotonic() - began < 5
