// One pass over everything that splits may have left behind: found, seen without an owner for a while, given back, deleted. What has to be
// kept is told in log, metric and Event. It acts on nothing that a living split names, and when it cannot look, it leaves things as they are.
import { CLAIM_LABEL } from '../../api/constants.ts';
import type { QueueKind } from '../../api/kinds/common.ts';
import type { BrokerConnection, WorkloadSplit } from '../../api/kinds/workload-split.ts';
import type { Clock } from '../../common/clock.ts';
import { toSplitterError } from '../../common/errors.ts';
import type { Lease } from '../../common/kube/lease.ts';
import { LEASES, WORKLOAD_SPLITS } from '../../common/kube/resources.ts';
import type { Log } from '../../common/log.ts';
import { sessionMetrics } from '../../common/metrics/sessions.ts';
import { controllerOf } from '../act/announce.ts';
import type { ActContext } from '../act/context.ts';
import { assertLeading } from '../act/leading.ts';
import type { Collector } from '../brokers/collector.ts';
import type { FoundQueue } from '../brokers/sqs/orphans.ts';
import { collectLostSplit, versionOf } from './lost-split.ts';
import { type Memory, memories } from './memory.ts';
import { mayBeFilled, type Orphan, orphansAmong, Patience } from './orphans.ts';
import { SilentForwarders } from './silent-forwarders.ts';

export type GarbageBrokers = {
  collectors: Record<QueueKind, Collector>;
  /** Temporary SQS queues that carry this cluster's tag. Absent: SQS is not split here. */
  findQueues?: (connection: BrokerConnection, clusterUid: string, known: ReadonlySet<string>) => Promise<FoundQueue[]>;
  collectQueue: (queue: FoundQueue, signal: AbortSignal) => Promise<string | undefined>;
};

export type GarbageOptions = {
  act: ActContext;
  brokers: GarbageBrokers;
  /** How long something must have been seen without an owner. */
  graceMs: number;
  /** How long a forwarder goes on without the API server. */
  failStaticMs: number;
  clock: Clock;
  log: Log;
};

const LONGEST_INTERVAL_MS = 300_000;

export class Garbage {
  /** How often to sweep. */
  readonly intervalMs: number;
  readonly #options: GarbageOptions;
  readonly #patience: Patience;
  readonly #forwarders: SilentForwarders;
  /** What was told before is not told again. */
  #told = new Map<string, string>();

  constructor(options: GarbageOptions) {
    this.#options = options;
    this.#patience = new Patience(options.graceMs);
    this.#forwarders = new SilentForwarders(options.clock, options.failStaticMs);
    this.intervalMs = Math.min(options.graceMs / 3, LONGEST_INTERVAL_MS);
  }

  /** Rejects when the API server cannot be asked, the signal was aborted or another controller may lead; the next sweep decides anew. */
  async sweep(signal: AbortSignal): Promise<void> {
    const { act, clock } = this.#options;
    const { client, operatorNamespace: namespace } = act;
    const remembered = await memories(act);
    const claims = await client.list<Lease>(LEASES, { namespace, labelSelector: CLAIM_LABEL });
    const before = await client.list<WorkloadSplit>(WORKLOAD_SPLITS);
    const kept = new Map<string, string>();
    const queues = await this.#findQueues(remembered, before.items, kept);
    // Once more: what was made while we looked has its split by now.
    const { items: splits } = await client.list<WorkloadSplit>(WORKLOAD_SPLITS);
    const silence = await this.#forwarders.look(act);
    const orphans = orphansAmong({ memories: remembered, claims: claims.items, queues }, splits);
    const left: Orphan[] = [];
    for (const orphan of this.#patience.due(orphans, clock.monotonic())) {
      if (mayBeFilled(orphan) && !this.#forwarders.knows) continue;
      const why =
        silence !== undefined && mayBeFilled(orphan)
          ? [`what a split that is gone has left is kept: ${silence}`]
          : await this.#collect(orphan, signal);
      if (why.length === 0) {
        this.#collected(orphan);
        continue;
      }
      kept.set(orphan.key, why.join('; '));
      left.push(orphan);
    }
    sessionMetrics.orphans.reset();
    for (const { kind } of left) sessionMetrics.orphans.inc({ kind });
    this.#tell(kept);
  }

  async #findQueues(
    remembered: readonly Memory[],
    splits: readonly WorkloadSplit[],
    kept: Map<string, string>,
  ): Promise<FoundQueue[]> {
    const { act, brokers } = this.#options;
    if (!brokers.findQueues) return [];
    const ledgers = [...splits.map(({ spec }) => spec), ...remembered];
    const known = new Set(ledgers.flatMap(({ resources }) => resources.map(({ name }) => name)));
    const found: FoundQueue[] = [];
    for (const connection of sqsConnections(ledgers)) {
      try {
        found.push(...(await brokers.findQueues(connection, act.clusterUid, known)));
      } catch (error) {
        const { message } = toSplitterError(error);
        const place = connection.region === undefined ? '' : ` in ${connection.region}`;
        kept.set(`search${place}`, `temporary queues without an owner cannot be searched for${place}: ${message}`);
      }
    }
    return found;
  }

  async #collect(orphan: Orphan, signal: AbortSignal): Promise<string[]> {
    const { act, brokers } = this.#options;
    assertLeading(act);
    try {
      switch (orphan.kind) {
        case 'Split': {
          // Listed anew: while others were given back a session may have begun.
          const { items } = await act.client.list<WorkloadSplit>(WORKLOAD_SPLITS);
          return await collectLostSplit(act, brokers, orphan.memory, items, signal);
        }
        case 'SqsQueue': {
          const why = await brokers.collectQueue(orphan.queue, signal);
          return why === undefined ? [] : [why];
        }
        case 'Claim': {
          const { name, namespace = '' } = orphan.claim.metadata;
          await act.client.delete(LEASES, { name, namespace }, versionOf(orphan.claim));
          return [];
        }
      }
    } catch (error) {
      signal.throwIfAborted();
      return [toSplitterError(error).message];
    }
  }

  #collected({ kind, key }: Orphan): void {
    sessionMetrics.garbageCollected.inc({ kind });
    this.#options.log.warn({ kind, orphan: key }, 'removed what a split that is gone had left behind');
  }

  #tell(kept: ReadonlyMap<string, string>): void {
    const { act, log } = this.#options;
    for (const [key, why] of kept) {
      if (this.#told.get(key) === why) continue;
      log.warn({ orphan: key }, why);
      if (!key.startsWith('search')) act.announce(controllerOf(act), 'Warning', 'LeftBehind', why);
    }
    this.#told = new Map(kept);
  }
}

/** Wherever queues of ours may be: at the default place, and where splits are or were. */
function sqsConnections(ledgers: readonly Pick<Memory, 'queues'>[]): BrokerConnection[] {
  const own = ledgers.flatMap(({ queues }) =>
    queues.filter(({ kind }) => kind === 'SQS').map(({ connection }) => connection),
  );
  return [...new Map([{}, ...own].map((connection) => [JSON.stringify(connection), connection])).values()];
}
