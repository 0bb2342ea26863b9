"""A local S3 server with one bucket, and a line to it that can be cut."""

import socket
import socketserver
import threading
from contextlib import contextmanager, suppress


@contextmanager
def s3_bucket(monkeypatch, name):
    """Serve a bucket at the address and with the credentials in the environment; gives a client of it."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "secret-of-the-test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for key, value in settings.items():
        monkeypatch.setenv(key, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket=name)
    yield client
    client.close()
    server.stop()


class Line(socketserver.ThreadingTCPServer):
    """Passes connections on to a server of this machine until it is cut.

    Parameters
    ----------
    address
        URL of the server.
    """

    daemon_threads = True

    def __init__(self, address):
        self.target = ("127.0.0.1", int(address.rpartition(":")[2]))
        self.cut = threading.Event()
        self.open = set()
        super().__init__(("127.0.0.1", 0), _Passing)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def lose(self):
        """Break all connections, and refuse new ones."""
        self.cut.set()
        for connection in list(self.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Passing(socketserver.BaseRequestHandler):
    def handle(self):
        if self.server.cut.is_set():
            return
        with socket.create_connection(self.server.target) as other:
            both = {self.request, other}
            self.server.open |= both
            back = threading.Thread(target=_pump, args=(other, self.request), daemon=True)
            back.start()
            _pump(self.request, other)
            back.join()
            self.server.open -= both


def _pump(source, target):
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
