/**
 * The history collector: workers POST one JSON line each; it is numbered, written, and only then answered with 204.
 * HISTORY_FILE, HISTORY_HOST (default 127.0.0.1), HISTORY_PORT (default: a free one). Prints `listening on URL` when it is up. It never reads the histories.
 */
import { appendFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { numberOr, required } from './environment.ts';
import { REPORT_ID } from './report.ts';

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

const file = required(process.env, 'HISTORY_FILE');
const host = process.env['HISTORY_HOST'] ?? '127.0.0.1';
const written = new Set<string>();
let arrivals = 0;

async function collect(request: IncomingMessage): Promise<number> {
  if (request.method !== 'POST') return 405;
  const line = JSON.parse(await bodyOf(request)) as object;
  const reportId = String(request.headers[REPORT_ID]);
  if (written.has(reportId)) return 204;
  arrivals += 1;
  appendFileSync(file, `${JSON.stringify({ ...line, arrival: arrivals })}\n`);
  if (request.headers[REPORT_ID] !== undefined) written.add(reportId);
  return 204;
}

const server = createServer((request, response) => {
  collect(request).then(
    (status) => response.writeHead(status).end(),
    (error: unknown) => {
      console.error('could not write a line:', error);
      response.writeHead(500).end();
    },
  );
});
server.keepAliveTimeout = 60_000;
appendFileSync(file, '');
server.listen(numberOr(process.env, 'HISTORY_PORT', 0), host, () => {
  console.log(`listening on http://${host}:${(server.address() as AddressInfo).port}`);
});
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
