// A session as a person makes it with kubectl, and what a test needs to know of it: when it was Ready, when its end was asked for.
import type { SplitSession, SplitSessionStatus } from '../../../api/kinds/split-session.ts';
import type { SessionLine } from '../../checker/history.ts';
import { ORDERS_QUEUE, ORDERS_QUEUE_ID, ORDERS_TOPIC_ID, ORDERS_WORKER, SHOP_NAMESPACE } from '../../shop/manifests.ts';
import { startWorker } from '../../shop/programs.ts';
import type { Supervised } from '../../testbed/processes.ts';
import { HopelessError, waitFor } from '../../testbed/wait.ts';
import { readApi } from './api.ts';
import { type Stage, TOPIC } from './stage.ts';

export type SessionRequest = {
  name: string;
  filter: Readonly<Record<string, string>>;
  kinds?: readonly ('SQS' | 'Kafka')[];
  /** Queue ids instead of the shop's own. */
  ids?: Readonly<Partial<Record<'SQS' | 'Kafka', string>>>;
  /** Another shop than the main one: its namespace, workload and queue have this name. */
  branch?: string;
  target?: string;
  /** It then lives only as long as its Lease is renewed: see `createHeartbeat`. */
  heartbeatSeconds?: number;
};

export type PlayedSession = {
  name: string;
  namespace: string;
  /** Rejects at once with the session's own sentence when it fails. */
  ready(deadlineMs?: number): Promise<SplitSession>;
  /** Resolves when it has failed, to what it says. Rejects when it becomes Ready. */
  refused(deadlineMs?: number): Promise<SplitSessionStatus>;
  /** Starts the local process with the session's environment, as the developer would. */
  startWorker(): Promise<Supervised>;
  /** Deletes it and resolves when the object is gone: routes removed, left-overs moved. */
  end(deadlineMs?: number): Promise<void>;
  /** Somebody else ends it, not before `endRequestedAt`: resolves when the object is gone. */
  ended(endRequestedAt: number, deadlineMs?: number): Promise<void>;
  /** For the checker: one line for each kind. */
  lines(): SessionLine[];
};

const LOOK_MS = 200;

const IDS = { SQS: ORDERS_QUEUE_ID, Kafka: ORDERS_TOPIC_ID } as const;

export async function createSession(stage: Stage, request: SessionRequest): Promise<PlayedSession> {
  const { name, filter, branch, heartbeatSeconds, kinds = ['SQS'] } = request;
  const namespace = branch ?? SHOP_NAMESPACE;
  const { cluster } = stage;
  await cluster.apply([
    {
      apiVersion: 'queuesplitter.dev/v1alpha1',
      kind: 'SplitSession',
      metadata: { name, namespace },
      spec: {
        target: { apiVersion: 'apps/v1', kind: 'Deployment', name: request.target ?? branch ?? ORDERS_WORKER },
        queues: kinds.map((kind) => ({ id: request.ids?.[kind] ?? IDS[kind], kind, filter })),
        ...(heartbeatSeconds === undefined ? {} : { heartbeat: { timeoutSeconds: heartbeatSeconds } }),
      },
    },
  ]);
  const created = (await readSession(stage, name, namespace)) as SplitSession;
  const startedAt = Date.parse(created.metadata.creationTimestamp ?? '');
  const times: { readyAt: number | null; endRequestedAt: number | null; endedAt: number | null } = {
    readyAt: null,
    endRequestedAt: null,
    endedAt: null,
  };
  const untilGone = async (deadlineMs: number): Promise<void> => {
    const isGone = async () => (await readSession(stage, name, namespace)) === undefined;
    await waitFor(`session ${name} to be gone`, isGone, { deadlineMs, intervalMs: LOOK_MS });
    times.endedAt = Date.now();
  };
  return {
    name,
    namespace,
    async ready(deadlineMs = 120_000) {
      const session = await waitFor(
        `session ${name} to be Ready`,
        async () => {
          const now = await readSession(stage, name, namespace);
          if (now?.status?.phase === 'Failed') throw new HopelessError(`session ${name} failed: ${now.status.message}`);
          return now?.status?.phase === 'Ready' && now;
        },
        { deadlineMs, intervalMs: LOOK_MS },
      );
      times.readyAt ??= Date.now();
      return session;
    },
    async refused(deadlineMs = 30_000) {
      return await waitFor(
        `session ${name} to be refused`,
        async () => {
          const status = (await readSession(stage, name, namespace))?.status;
          if (status?.phase === 'Ready') throw new HopelessError(`session ${name} was not refused`);
          return status?.phase === 'Failed' && status;
        },
        { deadlineMs, intervalMs: LOOK_MS },
      );
    },
    async startWorker() {
      const session = (await readSession(stage, name, namespace)) as SplitSession;
      const own = Object.fromEntries(
        (session.status?.environment ?? []).map(({ variable, value }) => [variable, value]),
      );
      return await startWorker(stage.place, name, {
        ...stage.sqs.environment,
        ...(kinds.includes('Kafka') && stage.kafka ? { KAFKA_BROKERS: stage.kafka.bootstrapServers } : {}),
        ...own,
        HISTORY_URL: stage.collector.url,
        SQS_WAIT_SECONDS: '1',
        HTTP_PORT: '0',
      });
    },
    async end(deadlineMs = 90_000) {
      times.endRequestedAt = Date.now();
      await cluster.kubectl(['delete', 'splitsession', name, '-n', namespace, '--wait=false']);
      await untilGone(deadlineMs);
    },
    async ended(endRequestedAt, deadlineMs = 90_000) {
      times.endRequestedAt = endRequestedAt;
      await untilGone(deadlineMs);
    },
    lines: () =>
      kinds.map((kind) => ({
        name,
        reader: name,
        kind: kind === 'SQS' ? 'sqs' : 'kafka',
        source: kind === 'SQS' ? (branch ?? ORDERS_QUEUE) : TOPIC,
        filter,
        startedAt,
        ...times,
      })),
  };
}

export async function readSession(
  stage: Stage,
  name: string,
  namespace = SHOP_NAMESPACE,
): Promise<SplitSession | undefined> {
  const path = `/apis/queuesplitter.dev/v1alpha1/namespaces/${namespace}/splitsessions/${name}`;
  return await readApi<SplitSession>(stage.cluster, path);
}
