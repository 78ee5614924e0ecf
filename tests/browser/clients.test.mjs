// `wsprobe serve` against Node's ws, a widely used library.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import WebSocket from "ws";
import { serve } from "./serve.mjs";

async function open(url, ...args) {
  const socket = new WebSocket(url, ...args);
  await once(socket, "open");
  return socket;
}

async function answer(socket, message) {
  socket.send(message);
  const [data, isBinary] = await once(socket, "message");
  return isBinary ? data : data.toString();
}

async function closed(socket) {
  const [code, reason] = await once(socket, "close");
  return [code, reason.toString()];
}

test("messages of every kind come back byte for byte, with deflate and without", async (t) => {
  const server = await serve(t);
  for (const perMessageDeflate of [true, false, { serverNoContextTakeover: true }, { clientMaxWindowBits: 10, threshold: 0 }]) {
    const socket = await open(server.url, { perMessageDeflate });
    assert.equal(socket.extensions !== "", perMessageDeflate !== false);
    for (const text of ["hi", "", "grüße\n\0", "x".repeat(3_000_000)]) {
      assert.equal(await answer(socket, text), text);
    }
    const bytes = Buffer.from(Array.from({ length: 1_000_003 }, (_, i) => (i * 7919) % 256));
    assert.ok((await answer(socket, bytes)).equals(bytes));
    assert.ok((await answer(socket, Buffer.alloc(0))).equals(Buffer.alloc(0)));
    socket.close(4000, "bye");
    assert.deepEqual(await closed(socket), [4000, "bye"]);
  }
});

test("pings are answered, or not with --no-pong", async (t) => {
  const server = await serve(t);
  const socket = await open(server.url);
  socket.ping("there?");
  assert.equal((await once(socket, "pong"))[0].toString(), "there?");
  socket.terminate();
  const silent = await serve(t, "--no-pong");
  const other = await open(silent.url);
  other.on("pong", () => assert.fail("a pong"));
  other.ping();
  assert.equal(await answer(other, "hi"), "hi");
  other.terminate();
});

test("subprotocols, credentials and refusals are as asked for", async (t) => {
  const server = await serve(t, "--subprotocol", "b,c", "--auth", "user:password");
  const auth = "user:password";
  const socket = await open(server.url, ["a", "b", "c"], { auth });
  assert.equal(socket.protocol, "b");
  socket.terminate();
  const refused = new WebSocket(server.url);
  const [, response] = await once(refused, "unexpected-response");
  assert.equal(response.statusCode, 401);
  response.destroy();
  const down = await serve(t, "--status", "503");
  const [, busy] = await once(new WebSocket(down.url), "unexpected-response");
  assert.equal(busy.statusCode, 503);
  assert.equal(busy.headers["retry-after"], "1");
  busy.destroy();
});

test("every bad frame is found by it, and every fault is what it says", async (t) => {
  for (const [bad, message] of [
    ["utf8", /UTF-?8/i], ["rsv", /RSV/], ["opcode", /opcode/], ["mask", /MASK/], ["length", /length|size/i],
  ]) {
    const server = await serve(t, "--bad", bad);
    const socket = new WebSocket(server.url);
    const [error] = await once(socket, "error");
    assert.match(error.message, message);
  }
  const illegal = await serve(t, "--close-after", "0", "--close-code", "1005");
  const [error] = await once(new WebSocket(illegal.url), "error");
  assert.match(error.message, /status code/);
  const dropping = await serve(t, "--drop-after", "1");
  const socket = await open(dropping.url);
  assert.equal(await answer(socket, "hi"), "hi");
  assert.equal((await closed(socket))[0], 1006);
});

test("a Unix socket and wss are spoken", async (t) => {
  const secure = await serve(t, "--self-signed");
  const socket = await open(secure.url, { rejectUnauthorized: false });
  assert.equal(await answer(socket, "hi"), "hi");
  const peer = socket._socket.getPeerCertificate();
  assert.equal(peer.fingerprint256, secure.events[0].cert_sha256);
  socket.close();
  assert.equal((await closed(socket))[0], 1005);
});
