/**
 * Kafka clients that are not ours as processes: Apache's Java client, librdkafka, aiokafka, kafka-python, kafkajs, @platformatic/kafka. What they
 * read and write is seen in their own output. A library whose toolchain is missing says so when it is asked for.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Place } from '../../testbed/brokers/place.ts';
import { cached } from '../../testbed/cache.ts';
import { runCommand } from '../../testbed/commands.ts';
import type { Supervised } from '../../testbed/processes.ts';
import { ensureKafka } from '../../testbed/toolchain/kafka.ts';
import { ensurePython } from '../../testbed/toolchain/python.ts';

export type Library = 'java' | 'confluent' | 'aiokafka' | 'kafka-python' | 'kafkajs' | 'platformatic';

/** `auto`: as the client does by itself; `record`: after each record, record + 1; `poll`: after each round. */
export type Commit = 'auto' | 'record' | 'poll';

export type Properties = Readonly<Record<string, string>>;

/** Bytes are base64, as the programs write them. */
export type SeenRecord = {
  topic: string;
  partition: number;
  offset: number;
  timestamp: number;
  key: string | null;
  value: string | null;
  headers: [string, string | null][];
};

export type ForeignConsumer = {
  /** Everything that it has read until now. */
  seen(): SeenRecord[];
  /** In the usual way: it commits and leaves its group. */
  stop(): Promise<void>;
};

type Command = readonly [command: string, ...args: string[]];

const kafka = await ensureKafka();
const python = await ensurePython();
const javaClasses = kafka.available ? await compileJava(kafka.classPath).catch(() => undefined) : undefined;
const JAVA = ['-Xmx96m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];
const QUIET = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn';

/** For `it`: why a program of this library cannot run here, or false. */
export function skipWithout(library: Library): string | false {
  if (library === 'java') {
    if (!kafka.available) return `${kafka.reason} ${kafka.howToGet}`;
    return javaClasses === undefined
      ? 'javac cannot compile Foreign.java; install it, for example: apt-get install openjdk-17-jdk-headless'
      : false;
  }
  if (library === 'kafkajs' || library === 'platformatic' || python.available) return false;
  return `${python.reason} ${python.howToGet}`;
}

/** The folder of the classes: compiled once for each text of the program. */
function compileJava(classPath: string): Promise<string> {
  const source = join(import.meta.dirname, 'Foreign.java');
  const digest = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16);
  return cached(`foreign-java-${digest}`, async (directory) => {
    await runCommand('javac', ['-cp', classPath, '-d', directory, source]);
  });
}

function commandOf(library: Library): Command {
  switch (library) {
    case 'java': {
      const classPath = kafka.available ? `${javaClasses}:${kafka.classPath}` : '';
      return ['java', ...JAVA, QUIET, '-cp', classPath, 'Foreign'];
    }
    case 'kafkajs':
    case 'platformatic':
      return [process.execPath, join(import.meta.dirname, 'consumer-program.ts'), library];
    default:
      return [python.available ? python.command : '', join(import.meta.dirname, 'foreign.py'), library];
  }
}

const assignments = (properties: Properties) => Object.entries(properties).map(([name, value]) => `${name}=${value}`);

/** The Node programs can only consume. */
const verb = (library: Library, name: string) => (['kafkajs', 'platformatic'].includes(library) ? [] : [name]);

/** `topics`: names, or one `^pattern`. */
export async function startConsumer(
  place: Place,
  library: Library,
  topics: readonly string[],
  commit: Commit,
  properties: Properties,
): Promise<ForeignConsumer> {
  const [command, ...args] = commandOf(library);
  const all = [...args, ...verb(library, 'consume'), topics.join(','), commit, ...assignments(properties)];
  const started: Supervised = await place.start(command, all, { name: `${library}-consumer` });
  return {
    seen() {
      if (!started.isRunning()) throw new Error(`${started.name} has ended: ${started.tail()}`);
      return recordsOf(readFileSync(started.logPath, 'utf8'));
    },
    stop: () => started.stop(15_000),
  };
}

/** Every record that Apache's own consumer finds in a topic. */
export async function dump(topic: string, properties: Properties): Promise<SeenRecord[]> {
  const [command, ...args] = commandOf('java');
  return recordsOf((await runCommand(command, [...args, 'dump', topic, ...assignments(properties)])).stdout);
}

export type ForeignMessage = {
  partition?: number;
  timestamp?: number;
  key: Buffer | null;
  value: Buffer | null;
  headers?: [string, Buffer | null][];
};

/** Sends all of it once with each codec. Resolves when everything is acknowledged, and the transactions, if there are some, have ended as told. */
export async function produce(
  library: 'java' | 'confluent',
  topic: string,
  codecs: readonly string[],
  transaction: 'none' | 'commit' | 'abort',
  properties: Properties,
  messages: readonly ForeignMessage[],
): Promise<void> {
  const [command, ...args] = commandOf(library);
  const field = (bytes: Buffer | null) => bytes?.toString('base64') ?? '-';
  const input = messages
    .map(({ partition, timestamp, key, value, headers = [] }) =>
      [
        partition ?? '-',
        timestamp ?? '-',
        field(key),
        field(value),
        ...headers.flatMap(([name, content]) => [field(Buffer.from(name)), field(content)]),
      ].join('\t'),
    )
    .join('\n');
  await runCommand(command, [...args, 'produce', topic, codecs.join(','), transaction, ...assignments(properties)], {
    input: `${input}\n`,
  });
}

/** The last line may be written just now. */
function recordsOf(output: string): SeenRecord[] {
  const whole = output.slice(0, output.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as SeenRecord);
}

export const textOf = (base64: string | null): string => Buffer.from(base64 ?? '', 'base64').toString();
