"""The command: a link on loopback, an end by Ctrl-C, refusals in sentences."""

import re
import signal
import socket
import subprocess
import sys
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from pipeline.cli.explore import explore
from pipeline.errors import PlanError, QueryError
from pipeline.explore.explorer import Explorer
from pipeline.explore.serve import serve


def test_the_command_serves_until_it_is_stopped(kept):
    command = [sys.executable, "-m", "pipeline.cli", "explore", kept.path, "--no-browser"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert running.stdout.readline() == f"Exploring {kept.path}, until Ctrl-C, at\n"
        link = running.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", link)
        with build_opener(HTTPCookieProcessor()).open(link, timeout=60) as page:
            assert page.url == link.partition("?")[0]
            assert "28 of 28 fits done" in page.read().decode()
    finally:
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=30)
    assert (running.returncode, *said) == (0, "", "")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org"])
def test_only_this_computer_is_served(kept, host):
    with pytest.raises(QueryError, match=r"expected one of 127\.0\.0\.1, localhost, ::1: pages are for this"):
        serve(Explorer(kept.store), host=host, browser=False, say=print)


def test_a_port_that_is_taken_is_said(kept):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(QueryError, match=rf"The port {port} of 127\.0\.0\.1 cannot be had"):
            serve(Explorer(kept.store), port=port, browser=False, say=print)


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("pipeline.cli.explore.find_spec", lambda name: None if name == "uvicorn" else True)
    with pytest.raises(
        PlanError, match=r"Exploring needs uvicorn; install with: pip install 'beed\[explore\]'"
    ):
        explore("nowhere")
