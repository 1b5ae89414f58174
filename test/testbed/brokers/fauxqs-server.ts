/**
 * The SQS emulator fauxqs as a process of its own: `node fauxqs-server.ts HOST PORT` (0: a free port). Prints `listening on URL` when it is up.
 * fauxqs gives queue URLs of the form `sqs.REGION.HOST`, which only its own DNS resolves, and the AWS SDK calls the host of the
 * queue URL. Here queue URLs name the host that the client called, as ElasticMQ and LocalStack do. Nothing else is changed.
 */
import type { AddressInfo } from 'node:net';
import { buildApp } from 'fauxqs';

/** A host name that no message can hold by accident; it never leaves this process. */
const PLACEHOLDER = 'queue-url-host.invalid';
const QUEUE_URL = new RegExp(`http://sqs\\.[^./]+\\.${PLACEHOLDER.replaceAll('.', '\\.')}(:\\d+)?/`, 'g');

const [host = '127.0.0.1', port = '0'] = process.argv.slice(2);
const app = buildApp({ logger: false, host: PLACEHOLDER });
app.addHook('onSend', async (request, _reply, payload) =>
  typeof payload === 'string' ? payload.replaceAll(QUEUE_URL, `http://${request.headers.host}/`) : payload,
);
await app.listen({ host, port: Number(port) });
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
console.log(`listening on http://${host}:${(app.server.address() as AddressInfo).port}`);
