// The page of `wsprobe serve`, in a real browser.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { serve } from "./serve.mjs";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
let profile, browser;

before(async () => {
  profile = mkdtempSync(join(tmpdir(), "wsprobe-browser-"));
  browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM, headless: true, args: FLAGS, ignoreHTTPSErrors: true,
  });
});
after(async () => {
  await browser?.close();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
});

/** The page of a server, and what its console said; every request it made goes to that server. */
async function open(t, server, size) {
  const page = await browser.newPage();
  t.after(() => page.close());
  if (size) await page.setViewportSize(size);
  const said = [], asked = [];
  page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => said.push(String(error)));
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(server.page);
  return { page, said, asked };
}

const state = (page, name) => page.waitForFunction((name) => document.body.dataset.state === name, name, { timeout: 15000 });
const log = (page, kind) => page.locator(`#log li.${kind} .what`);

async function say(page, text) {
  await page.fill("#message", text);
  await page.press("#message", "Enter");
}

test("it loads without an error or a request elsewhere, and is OPEN with deflate", async (t) => {
  const server = await serve(t);
  const { page, said, asked } = await open(t, server);
  await state(page, "OPEN");
  assert.equal(await page.textContent("#ready"), "1 OPEN");
  assert.match(await page.textContent("#extensions"), /permessage-deflate/);
  assert.deepEqual(said, []);
  for (const url of asked) assert.ok(url.startsWith(server.page) || url.startsWith("data:"), url);
  const opened = await server.seen({ event: "open" });
  assert.match(opened.extensions[0], /permessage-deflate/);
  // Scripts injected into the page would not run.
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.hacked = true";
    document.body.append(script);
  });
  assert.equal(await page.evaluate(() => window.hacked), undefined);
});

test("text, JSON and binary come back and are shown with direction, size and time", async (t) => {
  const server = await serve(t);
  const { page, said } = await open(t, server);
  await state(page, "OPEN");
  await say(page, "grüße <b>&amp;");
  await log(page, "in").first().waitFor();
  assert.match(await log(page, "in").first().textContent(), /received grüße <b>&amp;$/);
  assert.match(await page.locator("#log li.in .about").first().textContent(), /^text, 16 bytes, \d\d:\d\d:\d\d\.\d{3}$/);
  await say(page, '{"n":12345678901234567890,"list":[1.50,{}],"text":"a, \\"b\\": {"}');
  await log(page, "in").nth(1).waitFor();
  assert.equal(
    await log(page, "in").nth(1).textContent(),
    'received {\n  "n": 12345678901234567890,\n  "list": [\n    1.50,\n    {}\n  ],\n  "text": "a, \\"b\\": {"\n}',
  );
  for (const type of ["arraybuffer", "blob"]) {
    await page.selectOption("#binary", type);
    await page.check("input[value=hex]");
    await say(page, "00 ff 41");
    await page.check("input[value=text]");
    await say(page, "after the " + type);
    await log(page, "in").filter({ hasText: "after the " + type }).waitFor();
  }
  const received = await log(page, "in").allTextContents();
  assert.equal(received.length, 6);
  for (const dump of [received[2], received[4]]) assert.match(dump, /00000000 {2}00 ff 41 +\.\.A$/);
  assert.equal(await page.textContent("#counts"), "6 received, 6 sent");
  assert.deepEqual(said, []);
});

test("a file is sent as it is", async (t) => {
  const server = await serve(t);
  const { page } = await open(t, server);
  await state(page, "OPEN");
  const buffer = Buffer.from(Array.from({ length: 300000 }, (_, i) => i % 251));
  await page.check("input[value=file]");
  await page.setInputFiles("#file", { name: "a.bin", mimeType: "application/octet-stream", buffer });
  await page.click("#send");
  await log(page, "in").first().waitFor();
  assert.match(await page.locator("#log li.in .about").first().textContent(), /^binary, 300,000 bytes, /);
  const message = await server.seen({ event: "message", dir: "in" });
  assert.ok(Buffer.from(message.data, "base64").equals(buffer));
});

test("closing says code and reason on both sides and is no loss", async (t) => {
  const server = await serve(t);
  const { page } = await open(t, server);
  await state(page, "OPEN");
  await page.click("summary");
  await page.fill("#code", "4001");
  await page.fill("#reason", "bye");
  await page.click("#close");
  await state(page, "CLOSED");
  // The state is CLOSED shortly before the event with the reason.
  const note = log(page, "note").filter({ hasText: "close:" });
  await note.waitFor();
  assert.match(await note.textContent(), /close: code 4001 \(Private Use\), reason “bye”, clean/);
  assert.ok(await page.isHidden("#wait"));
  const close = await server.seen({ event: "close" });
  assert.equal(close.code, 4001);
  assert.equal(close.reason, "bye");
  await page.click("#connect");
  await state(page, "OPEN");
  await page.fill("#code", "1001");
  await page.click("#close");
  await page.locator("#trouble").waitFor();
  assert.equal(await page.evaluate(() => document.body.dataset.state), "OPEN");
});

test("the server's close codes are shown, a lost connection is 1006", async (t) => {
  for (const [args, shown] of [
    [["--close-after", "1", "--close-code", "1008", "--close-reason", "no"], /1008 \(Policy Violation\), reason “no”, clean/],
    [["--drop-after", "1"], /1006 \(Abnormal Closure\), not clean/],
    [["--bad", "rsv", "--bad-after", "1"], /1006 \(Abnormal Closure\), not clean/],
  ]) {
    const server = await serve(t, ...args);
    const { page } = await open(t, server);
    await state(page, "OPEN");
    await page.click("summary");
    await page.uncheck("#again");
    await say(page, "hi");
    await log(page, "note").filter({ hasText: shown }).waitFor();
    await state(page, "CLOSED");
  }
});

test("it reconnects after a restart of the server", async (t) => {
  const server = await serve(t);
  const { page } = await open(t, server);
  await state(page, "OPEN");
  await server.stop();
  await log(page, "note").filter({ hasText: "1001 (Going Away)" }).waitFor();
  await page.locator("#wait").waitFor();
  assert.match(await page.textContent("#when"), /Reconnecting in \d+ s, attempt \d+\./);
  const again = await serve(t, server.port);
  await state(page, "OPEN");
  await say(page, "still here");
  await log(page, "in").filter({ hasText: "still here" }).waitFor();
  await again.seen({ event: "message", data: "still here" });
});

test("a flood leaves the page alive and the log bounded", async (t) => {
  const server = await serve(t);
  const { page } = await open(t, server);
  await state(page, "OPEN");
  await page.evaluate(() => { for (let i = 0; i < 20000; i++) send("message " + i); });
  await page.waitForFunction(() => count.in === 20000, null, { timeout: 20000 });
  await log(page, "in").filter({ hasText: /message 19999$/ }).waitFor();
  assert.ok((await page.locator("#log li").count()) <= 500);
});

test("another page's script may not connect, a chat reaches both pages, wss works", async (t) => {
  const server = await serve(t, "--mode", "broadcast");
  const first = await open(t, server), second = await open(t, server);
  await state(first.page, "OPEN");
  await state(second.page, "OPEN");
  await say(first.page, "hello, room");
  await log(second.page, "in").filter({ hasText: "hello, room" }).waitFor();
  await log(first.page, "in").filter({ hasText: "hello, room" }).waitFor();
  const strict = await serve(t, "--allow-origin", "https://app.example");
  const elsewhere = createServer((_, response) => response.end("<!doctype html>")).listen(0, "127.0.0.1");
  t.after(() => elsewhere.close());
  const stranger = await browser.newPage();
  t.after(() => stranger.close());
  await stranger.goto(`http://127.0.0.1:${elsewhere.address().port}/`);
  const attempt = (url) => stranger.evaluate((url) => new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.onopen = () => resolve("open");
    socket.onclose = (event) => resolve(event.code);
  }), url);
  assert.equal(await attempt(server.url), "open");
  assert.equal(await attempt(strict.url), 1006);
  await strict.seen({ event: "refused", status: 403 });
  const secure = await serve(t, "--self-signed");
  const { page } = await open(t, secure);
  await state(page, "OPEN");
  assert.match(await page.textContent("#url"), /^wss:/);
});

test("every control has a name, a key reaches it, and the state is announced", async (t) => {
  const server = await serve(t);
  const { page } = await open(t, server);
  await state(page, "OPEN");
  await page.click("summary");
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll("button, input, select, textarea")]
      .filter((it) => !it.textContent.trim() && !it.labels?.length && !it.ariaLabel)
      .map((it) => it.outerHTML));
  assert.deepEqual(nameless, []);
  assert.equal(await page.getAttribute("#state", "role"), "status");
  assert.equal(await page.getAttribute("#log", "role"), "log");
  const reached = new Set();
  await page.locator("#connect").evaluate(() => document.body.focus());
  for (let i = 0; i < 25; i++) {
    await page.keyboard.press("Tab");
    reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.name || document.activeElement.tagName));
  }
  for (const id of ["close", "binary", "protocols", "code", "reason", "again", "pretty", "clear", "log", "message", "send", "kind"]) {
    assert.ok(reached.has(id), `${id} of ${[...reached]}`);
  }
});

test("it is readable in light and dark, and fits a phone", async (t) => {
  const server = await serve(t, "--greeting", '{"hello":"world","list":[1,2,3]}');
  for (const scheme of ["light", "dark"]) {
    for (const [name, size] of [["wide", { width: 1100, height: 760 }], ["phone", { width: 375, height: 720 }]]) {
      const { page } = await open(t, server, size);
      await page.emulateMedia({ colorScheme: scheme });
      await state(page, "OPEN");
      await say(page, "How are you?");
      await page.check("input[value=hex]");
      await say(page, "89 50 4e 47 0d 0a 1a 0a 00 00 00 0d 49 48 44 52 00 00 01 00");
      await page.check("input[value=text]");
      await log(page, "in").nth(2).waitFor();
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= size.width, `${name}: ${wide}`);
      const tall = await page.evaluate(() => document.documentElement.scrollHeight);
      assert.ok(tall <= size.height, `${name}: ${tall} tall`);
      await page.screenshot({ path: `${name}-${scheme}.png` });
      await page.close();
    }
  }
});
