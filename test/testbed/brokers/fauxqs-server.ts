/**
 * The SQS emulator fauxqs as a process of its own: `node fauxqs-server.ts HOST PORT [DIRECTORY]` (port 0: a free one; with a directory
 * everything is kept there, and found again by the next process). Prints `listening on URL` when it is up.
 * fauxqs gives queue URLs of the form `sqs.REGION.HOST`, which only its own DNS resolves, and the AWS SDK calls the host of the
 * queue URL. Here queue URLs name the host that the client called, as ElasticMQ and LocalStack do. Nothing else is changed.
 */
import type { AddressInfo } from 'node:net';
import { type BuildAppOptions, buildApp } from 'fauxqs';

/** A host name that no message can hold by accident; it never leaves this process. */
const PLACEHOLDER = 'queue-url-host.invalid';
const QUEUE_URL = new RegExp(`http://sqs\\.[^./]+\\.${PLACEHOLDER.replaceAll('.', '\\.')}(:\\d+)?/`, 'g');

type Stores = NonNullable<BuildAppOptions['stores']>;
type Modules = {
  SqsStore: new () => Stores['sqsStore'];
  SnsStore: new () => Stores['snsStore'];
  S3Store: new () => Stores['s3Store'];
  PersistenceManager: new (directory: string) => NonNullable<Stores['sqsStore']['persistence']>;
};

/** fauxqs has `dataDir` only together with its own way of listening; these are the same steps (startFauxqs of 2.4.1). */
async function durableStores(directory: string): Promise<Stores> {
  const files = ['sqs/sqsStore.js', 'sns/snsStore.js', 's3/s3Store.js', 'persistence.js'];
  const base = import.meta.resolve('fauxqs');
  const modules = Object.assign(
    {},
    ...(await Promise.all(files.map((file) => import(new URL(file, base).href)))),
  ) as Modules;
  const [sqsStore, snsStore] = [new modules.SqsStore(), new modules.SnsStore()];
  const persistence = new modules.PersistenceManager(directory);
  persistence.loadSqsAndSns(sqsStore, snsStore);
  for (const kept of [sqsStore, snsStore, ...sqsStore.allQueues()]) kept.persistence = persistence;
  return { sqsStore, snsStore, s3Store: new modules.S3Store() };
}

const [host = '127.0.0.1', port = '0', directory] = process.argv.slice(2);
const stores = directory === undefined ? {} : { stores: await durableStores(directory) };
const app = buildApp({ logger: false, host: PLACEHOLDER, ...stores });
app.addHook('onSend', async (request, _reply, payload) =>
  typeof payload === 'string' ? payload.replaceAll(QUEUE_URL, `http://${request.headers.host}/`) : payload,
);
await app.listen({ host, port: Number(port) });
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
console.log(`listening on http://${host}:${(app.server.address() as AddressInfo).port}`);
