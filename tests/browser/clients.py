"""`wsprobe serve` against Python's websockets."""

import asyncio
import os
import subprocess
from contextlib import contextmanager

import websockets
from websockets.exceptions import ConnectionClosedError, InvalidStatus


@contextmanager
def serve(*args):
    command = [os.environ["WSPROBE"], "serve", "0", *args]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            yield server.stderr.readline().split()[-1]
        finally:
            server.terminate()


async def echoes():
    with serve() as url:
        for compression in ("deflate", None):
            async with websockets.connect(url, compression=compression, max_size=None) as socket:
                for message in ("hi", "", "grüße\n\0", "x" * 3_000_000, b"", os.urandom(1_000_003)):
                    await socket.send(message)
                    assert await socket.recv() == message
                await socket.send(["in ", "three ", "fragments"])
                assert await socket.recv() == "in three fragments"
                await asyncio.wait_for(await socket.ping(), 5)
                await socket.close(4000, "bye")
                assert (socket.close_code, socket.close_reason) == (4000, "bye")


async def faults():
    codes = {"utf8": 1007, "rsv": 1002, "opcode": 1002, "mask": 1002, "length": 1009}
    for bad, code in codes.items():
        with serve("--bad", bad) as url:
            async with websockets.connect(url) as socket:
                try:
                    await socket.recv()
                    raise AssertionError(bad)
                except ConnectionClosedError as error:
                    assert error.sent is not None, bad
                    assert error.sent.code in (code, 1002), (bad, error.sent)
    with serve("--bearer", "token") as url:
        try:
            await websockets.connect(url)
            raise AssertionError("it was let in")
        except InvalidStatus as refused:
            assert refused.response.status_code == 401
        headers = {"Authorization": "Bearer token"}
        async with websockets.connect(url, additional_headers=headers) as socket:
            await socket.send("hi")
            assert await socket.recv() == "hi"
    with serve("--delay", "50ms..150ms", "--close-after", "3", "--close-code", "1012") as url:
        async with websockets.connect(url) as socket:
            for n in range(3):
                await socket.send(str(n))
            assert [await socket.recv() for _ in range(3)] == ["0", "1", "2"]
            try:
                await socket.recv()
                raise AssertionError("it was not closed")
            except ConnectionClosedError as error:
                assert error.rcvd.code == 1012


asyncio.run(echoes())
asyncio.run(faults())
print("Python websockets", websockets.__version__, "ok")
