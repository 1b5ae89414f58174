/**
 * SQS emulators as processes of the run: fauxqs (npm; fast, strict, the default), ElasticMQ (Maven Central) and moto (PyPI): other opinions.
 * All keep everything in memory, so that a restart begins empty, but for fauxqs with `durable`.
 */
import { writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { Supervised } from '../processes.ts';
import type { JavaProgram } from '../toolchain/kafka.ts';
import type { PythonProgram } from '../toolchain/python.ts';
import { jvmOptions } from './jvm.ts';
import { type Place, startListener, waitForLine } from './place.ts';

export type SqsEmulator = {
  /** For programs of the same place and for pods. */
  readonly url: string;
  /** What the AWS SDK of any program needs: endpoint, region, credentials. */
  readonly environment: Readonly<Record<string, string>>;
  /** A client for this process, wherever the emulator runs. The caller destroys it. */
  readonly client: () => SQSClient;
  readonly process: () => Supervised;
  /** Starts it again on the same port, after `stop` or `kill`. */
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
  readonly kill: () => Promise<void>;
};

const REGION = 'eu-central-1';
const CREDENTIALS = { accessKeyId: 'testbed', secretAccessKey: 'testbed' } as const;

async function emulatorOf(place: Place, port: number, launch: () => Promise<Supervised>): Promise<SqsEmulator> {
  let running = await launch();
  const url = `http://${place.host}:${port}`;
  const way = await place.reach(port);
  return {
    url,
    environment: {
      AWS_ENDPOINT_URL_SQS: url,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    },
    client: () =>
      new SQSClient({
        endpoint: url,
        region: REGION,
        credentials: CREDENTIALS,
        requestHandler: { httpAgent: agentTo(way) },
      }),
    process: () => running,
    start: async () => {
      running = await launch();
    },
    stop: () => running.stop(),
    kill: async () => {
      running.signal('SIGKILL');
      await running.ended;
    },
  };
}

/** An agent whose connections all take one way; the requests keep the host that queue URLs name. */
function agentTo(way: { readonly host: string; readonly port: number }): Agent {
  class WayAgent extends Agent {
    override createConnection(): ReturnType<typeof connect> {
      return connect({ ...way, noDelay: true });
    }
  }
  return new WayAgent({ keepAlive: true });
}

export type FauxqsOptions = {
  readonly port?: number;
  /** Queues and messages are in a file before a call is answered, so that they outlive a kill. Slower. */
  readonly durable?: boolean;
};

export async function startFauxqs(place: Place, options: FauxqsOptions = {}): Promise<SqsEmulator> {
  const port = options.port ?? (await place.port(4566));
  const program = join(import.meta.dirname, 'fauxqs-server.ts');
  const args = [place.host, String(port), ...(options.durable ? [join(place.directory, `fauxqs-${port}`)] : [])];
  return emulatorOf(place, port, async () => {
    const { process } = await startListener(place, program, args, { name: `fauxqs-${port}` });
    return process;
  });
}

export async function startElasticMq(
  place: Place,
  program: JavaProgram,
  options: { readonly port?: number } = {},
): Promise<SqsEmulator> {
  if (!program.available) throw new Error(`${program.reason} ${program.howToGet}`);
  const port = options.port ?? (await place.port(9324));
  const file = join(place.directory, `elasticmq-${port}.conf`);
  const address = { protocol: 'http', host: place.host, port, 'context-path': '' };
  const configuration = {
    'node-address': address,
    'rest-sqs': { enabled: true, 'bind-hostname': place.host, 'bind-port': port, 'sqs-limits': 'strict' },
    'rest-stats': { enabled: false },
    aws: { region: REGION, accountId: '000000000000' },
  };
  // HOCON, ElasticMQ's format, includes JSON.
  writeFileSync(file, JSON.stringify(configuration));
  const java = [...jvmOptions(place.directory, 192), `-Dconfig.file=${file}`];
  return emulatorOf(place, port, async () => {
    const started = await place.start('java', [...java, '-cp', program.classPath, 'org.elasticmq.server.Main'], {
      name: `elasticmq-${port}`,
    });
    await waitForLine(started, /=== ElasticMQ server .* started/, 60_000);
    return started;
  });
}

/** Slow, and it answers one request after another: ask it for little. */
export async function startMoto(
  place: Place,
  program: PythonProgram,
  options: { readonly port?: number } = {},
): Promise<SqsEmulator> {
  if (!program.available) throw new Error(`${program.reason} ${program.howToGet}`);
  const port = options.port ?? (await place.port(5000));
  return emulatorOf(place, port, async () => {
    const started = await place.start(program.command, ['-m', 'moto.server', '-H', place.host, '-p', String(port)], {
      name: `moto-${port}`,
    });
    await waitForLine(started, /Running on http/, 60_000);
    return started;
  });
}
