// What actions do to the model's world, with the API server's rules (conflicts, finalizers) and a promise checked at each of them. An action may
// be cut short between what it does outside and what it writes down: that is where a controller is killed.
import assert from 'node:assert/strict';
import { FINALIZER } from '../../../../../api/constants.ts';
import type { SplitSession } from '../../../../../api/kinds/split-session.ts';
import { type LedgerEntry, PATCHING_PHASES, type WorkloadSplit } from '../../../../../api/kinds/workload-split.ts';
import { SplitterError } from '../../../../../common/errors.ts';
import { growthOf, removalOf } from '../../../../../controller/decide/failures.ts';
import type { Action } from '../../../../../controller/decide/observed.ts';
import { startOffsetsOf } from '../../../../../controller/decide/sessions.ts';
import {
  bumped,
  entriesOfQueue,
  hasTraceOf,
  withCreated,
  withoutEntries,
} from '../../../../../controller/decide/spec.ts';
import { NAMESPACE, urlOf } from './catalog.ts';
import { checkSpec } from './promises.ts';
import type { World } from './world.ts';

const conflict = (): SplitterError => new SplitterError('Conflict', 'somebody wrote in between', { retryable: true });

type Handlers = {
  [Type in Action['type']]: (world: World, action: Extract<Action, { type: Type }>, killed: boolean) => void;
};

/** `killed`: what happens outside happens, what it writes down is lost. */
export function perform(world: World, action: Action, killed = false): void {
  HANDLERS[action.type](world, action as never, killed);
}

const HANDLERS: Handlers = {
  AddSessionFinalizer: (world, { session }) => writeSession(world, session, {}, [FINALIZER]),
  FailSession: (world, { session, problem: { code: reason, message } }) =>
    writeSession(world, session, { status: { phase: 'Failed', reason, message } }),
  DeleteSession: (world, { session }) => world.deleteSession(session.metadata.name),
  ReleaseSession: (world, { session }) => releaseSession(world, session),
  CreateSplit: (world, { spec }) => createSplit(world, spec),
  WriteSpec: (world, { split, spec }) => writeSpec(world, split, spec),
  CreateResources: (world, { split, entries }, killed) => createResources(world, split, entries, killed),
  GrowTopics: (world, { split, entries }) => growTopics(world, split, entries),
  DeleteResources: (world, { split, entries }, killed) => deleteResources(world, split, entries, killed),
  RecordStartOffsets: (world, { split, keys }) => recordStartOffsets(world, split, keys),
  SyncWebhook: (world) => syncWebhook(world),
  RestartTarget: (world, { resourceVersion, restartedAt }) => {
    assert.ok(world.target.entry.newest, 'restart only behind a registered entry');
    annotate(world, resourceVersion, restartedAt);
  },
  RemoveRestartAnnotation: (world, { resourceVersion }) => annotate(world, resourceVersion, undefined),
  EvictPod: evict,
  FenceProducers: (world, { split, keys }, killed) => fence(world, split, keys, killed),
  RewindGroups: (world, { split, keys }, killed) => rewind(world, split, keys, killed),
  ReturnOwnRecords: (world, { split, keys }, killed) => returnOwn(world, split, keys, killed),
  HandOver: (world, { split }, killed) => handOver(world, split, killed),
  ReleaseSplit: (world, { split }) => releaseSplit(world, split),
};

function writeSession(
  world: World,
  { metadata }: SplitSession,
  change: Pick<SplitSession, 'status'>,
  finalizers = metadata.finalizers,
): void {
  const { uid, resourceVersion } = world.sessions.get(metadata.name)?.metadata ?? {};
  if (uid === undefined) return;
  if (uid !== metadata.uid || resourceVersion !== metadata.resourceVersion) throw conflict();
  world.changeSession(metadata.name, change, finalizers === undefined ? {} : { finalizers });
}

function releaseSession(world: World, decidedOn: SplitSession): void {
  writeSession(world, decidedOn, {}, []);
  const spec = world.split?.spec;
  assert.ok(!spec || !hasTraceOf(spec, decidedOn), 'a session is released while the split knows it');
  const { name } = decidedOn.metadata;
  if (world.sessions.get(name)?.metadata.deletionTimestamp) world.sessions.delete(name);
}

function createSplit(world: World, spec: WorkloadSplit['spec']): void {
  if (world.split) throw conflict();
  const metadata = {
    name: 'deployment-orders-worker',
    namespace: NAMESPACE,
    uid: world.newUid('split'),
    resourceVersion: '1',
    finalizers: [FINALIZER],
  };
  world.split = { apiVersion: 'queuesplitter.dev/v1alpha1', kind: 'WorkloadSplit', metadata, spec };
}

function current(world: World, decidedOn: WorkloadSplit): WorkloadSplit {
  const { uid, resourceVersion } = decidedOn.metadata;
  const { split } = world;
  if (!split || split.metadata.uid !== uid || split.metadata.resourceVersion !== resourceVersion) throw conflict();
  return split;
}

function writeSpec(world: World, decidedOn: WorkloadSplit, spec: WorkloadSplit['spec']): void {
  const split = current(world, decidedOn);
  checkSpec(world, split.spec, spec);
  world.changeSplit({ spec });
}

function createResources(world: World, split: WorkloadSplit, entries: readonly LedgerEntry[], killed: boolean): void {
  const uid = split.metadata.uid ?? '';
  let { spec } = split;
  for (const entry of entries) {
    const made = attempt(world, uid, entry.name, () => {
      if (entry.kind === 'Claim') claim(world, entry, uid);
      else if (entry.kind !== 'KafkaGroup') {
        assert.ok(isClaimed(world, spec, entry, uid), `${entry.name} is made although its original is not ours`);
        world.broker.create(entry.name);
      }
    });
    if (made) spec = withCreated(spec, entry, entry.kind === 'SqsQueue' ? { url: urlOf(entry.name) } : {});
  }
  if (!killed && spec !== split.spec) writeSpec(world, split, spec);
}

function isClaimed(world: World, spec: WorkloadSplit['spec'], { queue }: LedgerEntry, uid: string): boolean {
  const claims = entriesOfQueue(spec, queue).filter(({ role }) => role === 'claim');
  return claims.some(({ name }) => world.broker.claims.get(name) === uid);
}

function growTopics(world: World, { metadata: { uid = '' } }: WorkloadSplit, entries: readonly LedgerEntry[]): void {
  for (const { name } of entries) attempt(world, uid, growthOf(name), () => world.broker.grow(name));
}

function claim(world: World, entry: LedgerEntry, uid: string): void {
  // A claim is the API server's matter, which falters like a broker.
  if (world.broker.mode === 'falters') world.broker.answer();
  const holder = world.broker.claims.get(entry.name);
  if (holder !== undefined && holder !== uid) throw new SplitterError('OriginalClaimed', `split by ${holder}`);
  world.broker.claims.set(entry.name, uid);
}

function deleteResources(world: World, split: WorkloadSplit, entries: readonly LedgerEntry[], killed: boolean): void {
  const uid = split.metadata.uid ?? '';
  const gone = entries.filter((entry) =>
    attempt(world, uid, removalOf(entry.name), () => {
      if (entry.kind === 'Claim') {
        const others = entriesOfQueue(split.spec, entry.queue).filter(({ role }) => role !== 'claim');
        assert.deepEqual(others, [], 'a claim protects the queues of its original until they are gone');
        if (world.broker.claims.get(entry.name) === uid) world.broker.claims.delete(entry.name);
      } else if (entry.kind !== 'KafkaGroup' && world.broker.waiting.has(entry.name)) remove(world, entry);
      world.failures.clear(uid, entry.name);
      if (entry.role === 'claim') world.failures.clear(uid, startOffsetsOf(entry.queue));
    }),
  );
  if (!killed && gone.length > 0) writeSpec(world, split, bumped(withoutEntries(split.spec, gone)));
}

function remove(world: World, { name, queue: key }: LedgerEntry): void {
  assert.ok(world.retired.has(name), `${name} is deleted before it was retired`);
  const readers = world.target.pods.filter((pod) => [...pod.reads.values()].includes(name));
  assert.equal(readers.length, 0, `promise 1: ${name} is deleted while a pod reads it`);
  assert.ok(!world.isForwarderUsing(name), `${name} is deleted while the forwarder uses it`);
  const isAimedAt = world.exile?.destinations.includes(name) === true;
  assert.ok(!isAimedAt, `promise 1: ${name} is deleted while a forwarder that is cut off may still send to it`);
  const queue = world.split?.spec.queues.find((candidate) => candidate.key === key);
  if (queue?.leftOvers === 'Drop' && world.broker.mode === 'works') world.broker.drop(name);
  world.broker.delete(name);
}

/** Members of a group commit themselves: only before any pod was told is the start still known. */
function recordStartOffsets(world: World, split: WorkloadSplit, keys: readonly string[]): void {
  const { uid = '' } = current(world, split).metadata;
  const queues = split.spec.queues.map((queue) => {
    if (!keys.includes(queue.key)) return queue;
    assert.ok(!world.isTold(queue), 'start offsets are taken before the restart');
    return attempt(world, uid, startOffsetsOf(queue.key), () => world.broker.answer())
      ? { ...queue, start: [] }
      : queue;
  });
  writeSpec(world, split, { ...split.spec, queues });
}

function syncWebhook(world: World): void {
  const { split, target } = world;
  const isWanted = split && PATCHING_PHASES.has(split.spec.phase) && split.spec.environment.length > 0;
  const entry = isWanted ? { environmentRevision: split.spec.environmentRevision } : undefined;
  target.entry.note(world.now, entry);
}

function annotate(
  { target, split, broker, isWakingUp }: World,
  resourceVersion: string | undefined,
  value: string | undefined,
): void {
  if (!target.exists) return;
  if (resourceVersion !== String(target.version)) throw conflict();
  const told = split?.spec.queues.filter((queue) => queue.kind === 'Kafka' && queue.forwarding !== 'Hold') ?? [];
  for (const queue of value === undefined ? told : []) {
    assert.ok(
      broker.fenced.has(queue.transactionalIdPrefix ?? ''),
      'C3: the target goes back before producers are fenced',
    );
    const isRead = isWakingUp || queue.leftOvers === 'Drop' || broker.left(queue.fallback.name) === 0;
    assert.ok(
      isRead,
      'C3: the target goes back before it has read what the fence brought, or its group was moved back',
    );
  }
  target.annotate(value);
}

function evict(world: World, { split, pod }: Extract<Action, { type: 'EvictPod' }>): void {
  attempt(world, split.metadata.uid ?? '', pod.uid, () => {
    if (world.target.guarded) throw new SplitterError('ApiUnreachable', 'a disruption budget', { retryable: true });
    world.target.terminate(world.target.pods.find((candidate) => candidate.uid === pod.uid));
  });
}

function fence(world: World, split: WorkloadSplit, keys: readonly string[], killed: boolean): void {
  const queues = split.spec.queues.map((queue) => {
    if (!keys.includes(queue.key)) return queue;
    world.broker.fence(queue.transactionalIdPrefix ?? '', queue.fallback.name);
    return { ...queue, fenced: true };
  });
  if (!killed) writeSpec(world, split, bumped({ ...split.spec, queues }));
}

/** The group on the original stands in front of what nobody read: it will be read there again. */
function rewind(world: World, split: WorkloadSplit, keys: readonly string[], killed: boolean): void {
  const queues = split.spec.queues.map((queue) => {
    if (!keys.includes(queue.key)) return queue;
    assert.ok(
      world.broker.fenced.has(queue.transactionalIdPrefix ?? ''),
      'C4: a group is moved while a producer may move it too',
    );
    for (const source of [...queue.routes.map((route) => route.destination.name), queue.fallback.name]) {
      world.broker.rewind(source, queue.original.name);
    }
    return { ...queue, rewound: true, fallbackEnd: [] };
  });
  if (!killed) writeSpec(world, split, { ...split.spec, queues });
}

function returnOwn(world: World, split: WorkloadSplit, keys: readonly string[], killed: boolean): void {
  const queues = split.spec.queues.map((queue) => {
    if (!keys.includes(queue.key)) return queue;
    const { fallbackEnd: _, ...rest } = queue;
    world.broker.returnOwn(queue.fallback.name, queue.original.name);
    return rest;
  });
  if (!killed) writeSpec(world, split, { ...split.spec, queues });
}

function releaseSplit(world: World, decidedOn: WorkloadSplit): void {
  const split = current(world, decidedOn);
  assert.deepEqual(split.spec.resources, [], 'promise 6: a ledger that is not empty');
  if (split.metadata.deletionTimestamp) world.split = undefined;
  else world.deleteSplit();
}

function handOver(world: World, decidedOn: WorkloadSplit, killed: boolean): void {
  const split = current(world, decidedOn);
  assert.ok(world.terminating, 'nobody is in a hurry who is not being deleted');
  if (killed) return;
  world.handedOver.add(split);
  world.split = undefined;
}

function attempt(world: World, splitUid: string, subject: string, call: () => void): boolean {
  try {
    call();
    world.failures.clear(splitUid, subject);
    return true;
  } catch (error) {
    if (!(error instanceof SplitterError)) throw error;
    world.failures.note(splitUid, subject, error);
    return false;
  }
}
