// A client of Node's ws: node -e THIS send|listen|once URL
const WebSocket = require('ws');
const [part, url] = process.argv.slice(1);
// Everything is compressed where the server agrees; by itself ws leaves out what has less than 1 KiB.
const socket = new WebSocket(url, { perMessageDeflate: { threshold: 0 }, maxPayload: 1 << 30 });
socket.on('error', (error) => { console.error(error); process.exit(1); });
socket.on('message', (data) => {
  process.stdout.write(data + '\n');
  if (part === 'once') socket.close();
});
socket.on('open', () => {
  if (part === 'once') socket.send('hello');
  if (part !== 'send') return;
  const lines = require('readline').createInterface({ input: process.stdin });
  lines.on('line', (line) => socket.send(line));
  lines.on('close', () => socket.close());
});
