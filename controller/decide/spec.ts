// Small pure readings and changes of a WorkloadSplit spec. Every function returns a new value; none decides when it is time for it.
import type { SplitSession } from '../../api/kinds/split-session.ts';
import type {
  DesiredForwarding,
  LedgerEntry,
  SplitPhase,
  SplitQueue,
  WorkloadSplit,
  WorkloadSplitSpec,
} from '../../api/kinds/workload-split.ts';

/** Phases in which sessions may still join. */
const OPEN: ReadonlySet<SplitPhase> = new Set(['Preparing', 'Patching', 'Splitting', 'Warm', 'Draining']);

/** A change that webhook or forwarder must act on. */
export function bumped(spec: WorkloadSplitSpec): WorkloadSplitSpec {
  return { ...spec, revision: spec.revision + 1 };
}

export function inPhase(spec: WorkloadSplitSpec, phase: SplitPhase, now: number): WorkloadSplitSpec {
  return bumped({ ...spec, phase, phaseSince: new Date(now).toISOString() });
}

export function mapQueues(spec: WorkloadSplitSpec, change: (queue: SplitQueue) => SplitQueue): WorkloadSplitSpec {
  return { ...spec, queues: spec.queues.map(change) };
}

/** For every queue that was forwarded; one that is on Hold stays so until a cut-over of its own. */
export function withForwarding(spec: WorkloadSplitSpec, forwarding: DesiredForwarding): WorkloadSplitSpec {
  return mapQueues(spec, (queue) => (queue.forwarding === 'Hold' ? queue : { ...queue, forwarding }));
}

export function withState(
  spec: WorkloadSplitSpec,
  matches: (entry: LedgerEntry) => boolean,
  state: LedgerEntry['state'],
): WorkloadSplitSpec {
  return { ...spec, resources: spec.resources.map((entry) => (matches(entry) ? { ...entry, state } : entry)) };
}

export function withoutEntries(spec: WorkloadSplitSpec, gone: readonly LedgerEntry[]): WorkloadSplitSpec {
  return { ...spec, resources: spec.resources.filter((entry) => !gone.some((other) => sameEntry(entry, other))) };
}

export function sameEntry(one: LedgerEntry, other: LedgerEntry): boolean {
  return one.kind === other.kind && one.name === other.name;
}

/** Notes that a planned entry exists; a fallback's place is copied into its queue, where the forwarder reads it. */
export function withCreated(
  spec: WorkloadSplitSpec,
  created: LedgerEntry,
  found: Pick<LedgerEntry, 'url' | 'topicId'>,
): WorkloadSplitSpec {
  const resources = spec.resources.map((entry) =>
    sameEntry(entry, created) ? { ...entry, ...found, state: 'Created' as const } : entry,
  );
  const queues = spec.queues.map((queue) =>
    created.role === 'fallback' && queue.key === created.queue
      ? { ...queue, fallback: { ...queue.fallback, ...found } }
      : queue,
  );
  return { ...spec, resources, queues };
}

export function entriesOfQueue(spec: WorkloadSplitSpec, key: string): LedgerEntry[] {
  return spec.resources.filter((entry) => entry.queue === key);
}

/** True when the forwarder fully acts on the current revision. */
export function isAcknowledged(split: WorkloadSplit): boolean {
  return (split.status?.forwarder?.acknowledgedRevision ?? -1) >= split.spec.revision;
}

/** True when the forwarder acts on the current revision and reports one of these states for the queue. */
export function reports(split: WorkloadSplit, queue: SplitQueue, ...states: string[]): boolean {
  const reported = split.status?.forwarder?.queues.find((entry) => entry.key === queue.key);
  return isAcknowledged(split) && reported !== undefined && states.includes(reported.state);
}

/** Queues whose fallback pods were told about. */
export function toldQueues(spec: WorkloadSplitSpec): SplitQueue[] {
  return spec.queues.filter((queue) => !isProvisional(spec, queue));
}

/** A queue whose fallback no pod was ever told about: it can be taken back without restart or drain. */
export function isProvisional(spec: WorkloadSplitSpec, queue: SplitQueue): boolean {
  const told = new Set(spec.environment.map((entry) => `${entry.container}/${entry.variable}`));
  return (
    queue.forwarding === 'Hold' && !queue.variables.some((entry) => told.has(`${entry.container}/${entry.variable}`))
  );
}

/** Whether sessions may join; others wait for the next split of the target. A fence, a deletion: there is no way back from these. */
export function isOpen({ metadata, spec }: WorkloadSplit): boolean {
  const isOver = metadata.deletionTimestamp !== undefined || spec.queues.some((queue) => queue.fenced);
  return OPEN.has(spec.phase) && !isOver;
}

/** The object was copied from another cluster or restored with another uid: nothing is done for it, whatever it says. */
export function isCopy(split: WorkloadSplit, clusterUid: string): boolean {
  const { incarnation, queues, resources } = split.spec;
  // Only an empty one may still be given its incarnation.
  if (incarnation === undefined) return queues.length > 0 || resources.length > 0;
  return incarnation.clusterUid !== clusterUid || incarnation.selfUid !== split.metadata.uid;
}

/** The split's ledger or routes still speak of this session. */
export function hasTraceOf(spec: WorkloadSplitSpec, session: SplitSession): boolean {
  return (
    spec.resources.some((entry) => entry.session === session.metadata.name) ||
    spec.queues.some((queue) => queue.routes.some((route) => route.sessionUid === session.metadata.uid))
  );
}
