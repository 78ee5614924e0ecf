// `wsprobe serve` for a test: on a free port, reads its events, ends with the test.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export async function serve(t, ...args) {
  const [place, ...options] = args[0]?.match(/^\d+$/) ? args : ["0", ...args];
  const child = spawn(process.env.WSPROBE, ["serve", place, "--json", ...options], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const events = [];
  const lines = createInterface({ input: child.stdout });
  const waiting = new Set();
  lines.on("line", (line) => {
    const event = JSON.parse(line);
    events.push(event);
    for (const check of waiting) check(event);
  });
  /** The first event that has these fields, as soon as it has happened. */
  const seen = (fields) => new Promise((resolve, reject) => {
    const check = (event) => {
      if (Object.entries(fields).every(([name, value]) => event[name] === value)) {
        waiting.delete(check);
        resolve(event);
      }
    };
    waiting.add(check);
    events.forEach(check);
    child.once("exit", (code) => reject(new Error(`serve ended with ${code}`)));
  });
  const { url } = await seen({ event: "listening" });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "close");
    }
    return child.exitCode;
  };
  t.after(stop);
  const port = new URL(url).port;
  child.setMaxListeners(0);
  return { url, port, seen, page: url.replace(/^ws/, "http"), events, stop };
}
