"""Shared by the scripts in this folder: the binary, its memory usage, a peer that reads and writes frames."""

import base64
import hashlib
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def binary():
    """The release binary, or the one named by WSPROBE."""
    if named := os.environ.get("WSPROBE"):
        return named
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=ROOT, check=True)
    return str(ROOT / "target/release/wsprobe")


def memory(pid, field="VmHWM"):
    """The peak memory of a process (VmRSS: the current one), in MiB; 0 if it has ended."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0


class Run:
    """A command whose memory is watched until it ends. The kernel's own figure for a child starts at the
    memory of its parent."""

    def __init__(self, command, **streams):
        self.begun = time.monotonic()
        self.process = subprocess.Popen(command, **streams)
        self.peak = 0
        self.watcher = threading.Thread(target=self.watch)
        self.watcher.start()

    def watch(self):
        while now := memory(self.process.pid):
            self.peak = max(self.peak, now)
            time.sleep(0.005)

    def wait(self, timeout):
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "hangs"
        finally:
            self.seconds = time.monotonic() - self.begun
            self.watcher.join()
        return self.process.returncode


@contextmanager
def serving(command):
    """A server that prints its address on its first line."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            yield next(word for word in server.stdout.readline().split() if word.startswith("ws://")), server
        finally:
            server.terminate()


@contextmanager
def peer(play):
    """A server on a free port that runs a function for each client, in threads of this process."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    def serve(client):
        with client:
            try:
                play(client)
                client.shutdown(socket.SHUT_WR)
                while client.recv(1 << 16):
                    pass
            except OSError:
                pass

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        listener.close()


def request(client):
    """Reads an upgrade request and returns its accept key."""
    head = b""
    while b"\r\n\r\n" not in head:
        head += client.recv(4096)
    lines = [line.split(b":", 1) for line in head.split(b"\r\n")]
    key = next(line[1].strip() for line in lines if line[0].lower() == b"sec-websocket-key")
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


def upgrade(client, headers=b""):
    """Reads an upgrade request and answers as RFC 6455 requires."""
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + request(client) + b"\r\n" + headers + b"\r\n"
    )


def frame(first, payload):
    """A frame of a server."""
    size = len(payload)
    if size < 126:
        return bytes([first, size]) + payload
    if size < 1 << 16:
        return struct.pack(">BBH", first, 126, size) + payload
    return struct.pack(">BBQ", first, 127, size) + payload


CLOSE = frame(0x88, struct.pack(">H", 1000))


def fail(why):
    sys.exit(f"{Path(sys.argv[0]).name}: {why}")
