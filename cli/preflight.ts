// Can this machine reach the brokers that the command will talk to? Asked before a session exists, as far as it can be known then, and
// for the session's own queues before the command starts. Reads only; receives no message.
import { connect } from 'node:net';
import { SplitterError } from '../common/errors.ts';

/** Each rejects with a SplitterError: `CredentialsMissing`, `BrokerUnreachable`, `QueueNotFound`, `InvalidConfig` (no region). */
export type BrokerProbes = {
  /** AWS credentials resolve and the SQS endpoint answers to them. */
  sqs(): Promise<void>;
  /** The queue (URL, ARN or name) is there as seen from here. */
  sqsQueue(queue: string): Promise<void>;
  /** Somebody accepts connections there. */
  tcp(host: string, port: number): Promise<void>;
};

type Preflight = {
  /** What was looked at, one sentence each. */
  checked: string[];
  /** What could not be known. */
  unknown: string[];
};

const CONNECT_MS = 5000;
const MIRRORD_HINT =
  'run it with --via mirrord, which uses the network of the target’s pods, or connect this machine to that network (VPN)';

/** Before anything is created. `kinds`: of the queues that the session asks for. */
export async function preflight(
  kinds: ReadonlySet<string>,
  environment: NodeJS.ProcessEnv,
  probes: BrokerProbes,
): Promise<Preflight> {
  const result: Preflight = { checked: [], unknown: [] };
  if (kinds.has('SQS')) {
    await withHint(probes.sqs());
    result.checked.push('AWS credentials are there and SQS answers');
  }
  if (kinds.has('Kafka')) await checkBootstrapServers(environment, probes, result);
  return result;
}

/** Before the command starts: the session's own SQS queues, as the command will see them. */
export async function checkSessionQueues(
  queues: readonly { kind: string; id: string; session: string }[],
  probes: BrokerProbes,
): Promise<void> {
  for (const queue of queues) {
    if (queue.kind === 'SQS') await withHint(probes.sqsQueue(queue.session));
  }
}

async function checkBootstrapServers(
  environment: NodeJS.ProcessEnv,
  probes: BrokerProbes,
  result: Preflight,
): Promise<void> {
  const lists = bootstrapServers(environment);
  if (lists.length === 0) {
    result.unknown.push(
      'Kafka: no variable of this environment looks like bootstrap servers, so the way to the brokers is not checked',
    );
  }
  for (const { variable, servers } of lists) {
    // One bootstrap server is enough for a client, so the first that answers is enough for us.
    const attempts = servers.map(({ host, port }) => probes.tcp(host, port));
    await withHint(
      Promise.any(attempts).catch((error: unknown) => {
        const shown = servers.map(({ host, port }) => `${host}:${port}`).join(', ');
        throw new SplitterError(
          'BrokerUnreachable',
          `No Kafka broker of ${variable} accepts connections from this machine: ${shown}`,
          { cause: error },
        );
      }),
    );
    result.checked.push(`Kafka answers at ${variable}`);
  }
}

const BOOTSTRAP_NAME = /(^|_)(KAFKA|BOOTSTRAP)(_|$)/i;
const BOOTSTRAP_SUFFIX = /(^|_)(SERVERS?|BROKERS?|BROKER_LIST|BOOTSTRAP)$/i;

/** Variables such as KAFKA_BROKERS or SPRING_KAFKA_BOOTSTRAP_SERVERS whose value is a list of `host:port`. Pure. */
export function bootstrapServers(
  environment: NodeJS.ProcessEnv,
): { variable: string; servers: { host: string; port: number }[] }[] {
  return Object.entries(environment).flatMap(([variable, value]) => {
    if (!BOOTSTRAP_NAME.test(variable) || !BOOTSTRAP_SUFFIX.test(variable)) return [];
    const servers = (value ?? '').split(',').map(parseServer);
    const known = servers.filter((server) => server !== undefined);
    return known.length > 0 && known.length === servers.length ? [{ variable, servers: known }] : [];
  });
}

/** `host:9092`, `[::1]:9092`, and both with a listener name in front (`PLAINTEXT://host:9092`). */
function parseServer(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\w+:\/\/)?(?:\[([^\]]+)\]|([^\s:/]+)):(\d{1,5})$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  return match === null || host === undefined ? undefined : { host, port: Number(match[3]) };
}

async function withHint(check: Promise<void>): Promise<void> {
  try {
    await check;
  } catch (error) {
    if (!(error instanceof SplitterError)) throw error;
    throw new SplitterError(error.code, error.message, {
      cause: error,
      details: { ...error.details, hint: `${error.details['hint'] ?? MIRRORD_HINT}; --skip-preflight starts anyway` },
    });
  }
}

export async function probeTcp(host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({ host, port });
  socket.setTimeout(CONNECT_MS, () => socket.destroy(new Error(`no answer within ${CONNECT_MS / 1000} s`)));
  socket.once('connect', () => resolve());
  socket.once('error', reject);
  try {
    await promise;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SplitterError('BrokerUnreachable', `Cannot connect to ${host}:${port}: ${reason}`, { cause: error });
  } finally {
    socket.destroy();
  }
}
