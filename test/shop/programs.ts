/** Starts the shop's programs as real processes of a place; the programs themselves know nothing of it. */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Place, startListener, waitForLine } from '../testbed/brokers/place.ts';
import type { Supervised } from '../testbed/processes.ts';

type Variables = Readonly<Record<string, string>>;

export type Collector = {
  /** For HISTORY_URL. */
  readonly url: string;
  /** Read it with `readReceived`. */
  readonly file: string;
  readonly process: Supervised;
};
export type Producer = {
  /** Read it with `readProduced`. */
  readonly file: string;
  readonly process: Supervised;
};

const program = (name: string) => join(import.meta.dirname, `${name}.ts`);

function historyFile(place: Place, name: string): string {
  const directory = join(place.directory, 'histories');
  mkdirSync(directory, { recursive: true });
  return join(directory, `${name}-${randomBytes(3).toString('hex')}.jsonl`);
}

/** PATH and what the caller gives, nothing else of this process. */
function environmentOf(variables: Variables): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1', KAFKAJS_NO_PARTITIONER_WARNING: '1', ...variables };
}

/** Resolves when it listens. */
export async function startCollector(place: Place, usualPort = 8090): Promise<Collector> {
  const file = historyFile(place, 'received');
  const port = await place.port(usualPort);
  const env = environmentOf({ HISTORY_FILE: file, HISTORY_HOST: place.host, HISTORY_PORT: String(port) });
  const started = await startListener(place, program('collector'), [], { name: 'collector', env });
  return { url: started.url, file, process: started.process };
}

/** Resolves when it sends. `variables`: see producer.ts; HISTORY_FILE is set here. */
export async function startProducer(place: Place, variables: Variables): Promise<Producer> {
  const file = historyFile(place, 'produced');
  const env = environmentOf({ ...variables, HISTORY_FILE: file });
  const started = await place.start(process.execPath, [program('producer')], { name: 'producer', env });
  await waitForLine(started, /the producer is sending/, 30_000);
  return { file, process: started };
}

/** Resolves when it reads. `variables`: see worker.ts. */
export async function startWorker(place: Place, name: string, variables: Variables): Promise<Supervised> {
  const env = environmentOf({ WORKER_NAME: name, ...variables });
  const started = await place.start(process.execPath, [program('worker')], {
    name: `worker-${variables['WORKER_INSTANCE'] ?? name}`,
    env,
  });
  await waitForLine(started, / is ready/, 60_000);
  return started;
}
