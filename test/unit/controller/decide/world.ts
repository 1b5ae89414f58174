// A world in memory for the model of `decide`: one target, its pods, a broker and a forwarder that do what real ones do, one small step at a time.
// It checks the promises at every step and throws at the first one that is broken.
import assert from 'node:assert/strict';
import { FINALIZER } from '../../../../api/constants.ts';
import type { SplitSession } from '../../../../api/kinds/split-session.ts';
import {
  type LedgerEntry,
  PATCHING_PHASES,
  type SplitQueue,
  type WorkloadSplit,
} from '../../../../api/kinds/workload-split.ts';
import { decide } from '../../../../controller/decide/decide.ts';
import type { Action, Observed, PodFact, QueueFacts, ResolvedQueue } from '../../../../controller/decide/observed.ts';
import type { Names } from '../../../../controller/decide/plan.ts';
import { bumped, reports, withCreated, withoutEntries } from '../../../../controller/decide/spec.ts';
import { sessionStatus } from '../../../../controller/status/session-status.ts';

type Pod = PodFact & { template: string | undefined };

const CLUSTER = 'cluster-uid';
const TARGET = 'target-uid';
const ORIGINAL = 'orders';

export class World {
  now = 1_700_000_000_000;
  split: WorkloadSplit | undefined;
  sessions = new Map<string, SplitSession>();
  pods: Pod[] = [];
  /** Messages in each queue that exists; the original always does. */
  queues = new Map<string, number>([[ORIGINAL, 0]]);
  everCreated = new Set<string>();
  claims = new Set<string>();
  entry = false;
  templateRestartedAt: string | undefined;
  targetExists = true;
  ttlSeconds = 0;
  produced = 0;
  consumed = 0;
  sessionConsumed = 0;
  readonly log: string[] = [];
  #uid = 0;
  #random = 0;
  #unpatchedSince: number | undefined;
  #emptySince: number | undefined;

  constructor(replicas = 2) {
    for (let index = 0; index < replicas; index += 1) this.addPod();
  }

  readonly names: Names = {
    temporaryQueue: (_kind, original, role) => `mirrord-${this.#nextRandom()}-${role}-${original}`,
    temporaryGroup: (original) => `group-${this.#nextRandom()}-${original}`,
    claim: (_kind, identity) => `claim-${identity}`,
    transactionalIdPrefix: (uid, key) => `${uid}-${key}`,
    token: (uid, environment) => `qs-${uid}-${environment.map(({ value }) => value).join('-')}`,
  };

  #nextUid(kind: string): string {
    this.#uid += 1;
    return `${kind}-${this.#uid}`;
  }

  #nextRandom(): number {
    this.#random += 1;
    return this.#random;
  }

  // — events of the outside —

  addSession(name: string, heartbeat: boolean): void {
    if (this.sessions.has(name) || !this.targetExists) return;
    this.sessions.set(name, {
      apiVersion: 'queuesplitter.dev/v1alpha1',
      kind: 'SplitSession',
      metadata: {
        name,
        namespace: 'shop',
        uid: this.#nextUid('session'),
        creationTimestamp: new Date(this.now).toISOString(),
      },
      spec: {
        target: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'orders-worker' },
        queues: [{ id: 'orders', kind: 'SQS', filter: { tenant: name }, mode: 'steal' }],
        ...(heartbeat ? { heartbeat: { timeoutSeconds: 45 } } : {}),
      },
    });
  }

  deleteSession(name: string): void {
    const session = this.sessions.get(name);
    if (!session) return;
    if (session.metadata.finalizers?.includes(FINALIZER))
      session.metadata.deletionTimestamp ??= new Date(this.now).toISOString();
    else this.sessions.delete(name);
  }

  produce(): void {
    this.produced += 1;
    this.#add(ORIGINAL, 1);
  }

  addPod(): void {
    const patched = this.entry && this.split !== undefined && PATCHING_PHASES.has(this.split.spec.phase);
    const uid = this.#nextUid('pod');
    this.pods.push({
      name: uid,
      uid,
      token: patched ? this.split?.spec.token : undefined,
      terminating: false,
      ready: true,
      restartedAt: this.templateRestartedAt,
      address: undefined,
      template: this.templateRestartedAt,
    });
  }

  deleteTarget(): void {
    this.targetExists = false;
    this.templateRestartedAt = undefined;
    this.pods = [];
  }

  /** One pod of an old template is replaced, or a terminating one goes. */
  rollout(): void {
    const going = this.pods.findIndex((pod) => pod.terminating);
    if (going >= 0) {
      this.pods.splice(going, 1);
      return;
    }
    const old = this.pods.find((pod) => pod.template !== this.templateRestartedAt);
    if (!old || !this.targetExists) return;
    old.terminating = true;
    this.addPod();
  }

  /** Every living reader reads one message where its environment says. */
  consume(): void {
    for (const pod of this.pods) {
      const queue = pod.token === undefined ? ORIGINAL : this.#fallbackOf(pod.token);
      if (queue !== undefined && this.#take(queue)) this.consumed += 1;
    }
  }

  pass(ms: number): void {
    this.now += ms;
  }

  /** The forwarder's turn: acknowledge, or move one message. `false` = it is dead in this step. */
  forward(): void {
    const { split } = this;
    if (!split?.spec.incarnation) return;
    const returned = new Map(split.status?.forwarder?.queues.map((queue) => [queue.key, queue.returned ?? []]));
    const queues = split.spec.queues.map((queue) => ({
      key: queue.key,
      state: this.#forwardOne(queue),
      returned: this.#returnEnded(queue, returned.get(queue.key) ?? []),
    }));
    split.status = {
      ...split.status,
      forwarder: { holder: 'forwarder-0', acknowledgedRevision: split.spec.revision, queues },
    };
  }

  #forwardOne(queue: SplitQueue): 'Holding' | 'Forwarding' | 'Stopped' | 'Returning' | 'Returned' {
    if (queue.forwarding === 'Hold') return 'Holding';
    if (queue.forwarding === 'Stop') return 'Stopped';
    if (queue.forwarding === 'Return') {
      for (const from of [...queue.routes.map((route) => route.destination.name), queue.fallback.name]) {
        if ((this.queues.get(from) ?? 0) > 0) {
          this.#move(from, ORIGINAL);
          return 'Returning';
        }
      }
      return 'Returned';
    }
    const [route] = queue.routes.filter((candidate) => !candidate.ending);
    const toSession = route !== undefined && (this.queues.get(ORIGINAL) ?? 0) % 2 === 0;
    if ((this.queues.get(ORIGINAL) ?? 0) > 0)
      this.#move(ORIGINAL, toSession ? route.destination.name : queue.fallback.name);
    return 'Forwarding';
  }

  #returnEnded(
    queue: SplitQueue,
    before: { sessionUid: string; messages: number }[],
  ): { sessionUid: string; messages: number }[] {
    return queue.routes
      .filter((route) => route.ending)
      .flatMap((route) => {
        const known = before.find((entry) => entry.sessionUid === route.sessionUid);
        if (known) return [known];
        if ((this.queues.get(route.destination.name) ?? 0) > 0) {
          this.#move(route.destination.name, queue.fallback.name);
          return [];
        }
        return [{ sessionUid: route.sessionUid, messages: 0 }];
      });
  }

  // — the controller —

  observe(expired: ReadonlySet<string>): Observed {
    const restored = this.split?.spec.phase === 'Restoring' && this.pods.every((pod) => pod.token === undefined);
    this.#unpatchedSince = restored ? (this.#unpatchedSince ?? this.now) : undefined;
    const rolling = this.pods.some((pod) => pod.template !== this.templateRestartedAt);
    const observed: Observed = {
      now: this.now,
      clusterUid: CLUSTER,
      namespace: { name: 'shop', terminating: false },
      targetReference: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'orders-worker' },
      split: this.split,
      sessions: [...this.sessions.values()].map((session) => ({
        session,
        expired: expired.has(session.metadata.name),
        resolution: {
          ok: true,
          value: { queues: [resolved(session)], restartTimeoutSeconds: 60, ttlSeconds: this.ttlSeconds },
        },
      })),
      target: this.targetExists
        ? {
            uid: TARGET,
            resourceVersion: undefined,
            selector: { matchLabels: { app: 'orders-worker' } },
            paused: false,
            rolloutInProgress: undefined,
            restartedAt: this.templateRestartedAt,
            rolloutComplete: !rolling,
            blocked: undefined,
          }
        : undefined,
      pods: this.pods.map(({ template: _, ...pod }) => pod),
      queues: this.#queueFacts(),
      webhook: { registered: this.entry, problem: undefined },
      unpatchedForMs: this.#unpatchedSince === undefined ? 0 : this.now - this.#unpatchedSince,
      failures: new Map(),
      settings: { uninstalling: false, restoreConfirmationMs: 10_000, sqsLingerTimeoutSeconds: undefined },
    };
    return observed;
  }

  #queueFacts(): Map<string, QueueFacts> {
    const { split } = this;
    const facts = new Map<string, QueueFacts>();
    for (const queue of split?.spec.queues ?? []) {
      const remaining = this.queues.get(queue.fallback.name);
      const quiet = split !== undefined && remaining === 0 && reports(split, queue, 'Stopped', 'Returned');
      this.#emptySince = quiet ? (this.#emptySince ?? this.now) : undefined;
      const drained = this.#emptySince !== undefined && this.now - this.#emptySince >= 1000;
      facts.set(queue.key, { settled: true, settleMessage: '', remaining, drained });
    }
    return facts;
  }

  /** One turn of the controller; `actions` limits how many it gets done before it is killed. Returns whether it did anything. */
  reconcile(actions = Number.POSITIVE_INFINITY, expired: ReadonlySet<string> = new Set()): boolean {
    const observed = this.observe(expired);
    const decision = decide(observed, this.names);
    const failing = new Set(
      decision.actions.flatMap((action) => ('session' in action ? [action.session.metadata.name] : [])),
    );
    for (const entry of observed.sessions) {
      if (failing.has(entry.session.metadata.name)) continue;
      entry.session.status = sessionStatus(observed, entry, decision.waitingFor);
    }
    for (const action of decision.actions.slice(0, actions)) {
      this.log.push(action.type + ('why' in action ? ` (${action.why})` : ''));
      this.perform(action);
    }
    return decision.actions.length > 0;
  }

  perform(action: Action): void {
    switch (action.type) {
      case 'AddSessionFinalizer':
        this.#session(action.session).metadata.finalizers = [FINALIZER];
        return;
      case 'FailSession':
        this.#session(action.session).status = { phase: 'Failed', message: action.problem.message };
        return;
      case 'DeleteSession':
        this.deleteSession(action.session.metadata.name);
        return;
      case 'ReleaseSession':
        this.#session(action.session).metadata.finalizers = [];
        if (action.session.metadata.deletionTimestamp) this.sessions.delete(action.session.metadata.name);
        return;
      case 'CreateSplit':
        assert.equal(this.split, undefined, 'creation is the lock');
        this.split = {
          apiVersion: 'queuesplitter.dev/v1alpha1',
          kind: 'WorkloadSplit',
          metadata: {
            name: 'deployment-orders-worker',
            namespace: 'shop',
            uid: this.#nextUid('split'),
            finalizers: [FINALIZER],
          },
          spec: action.spec,
        };
        return;
      case 'WriteSpec':
        this.#write(action.spec);
        return;
      case 'CreateResources':
        this.#create(action.entries);
        return;
      case 'DeleteResources':
        this.#delete(action.entries);
        return;
      case 'SyncWebhook':
        this.entry =
          this.split !== undefined &&
          PATCHING_PHASES.has(this.split.spec.phase) &&
          this.split.spec.environment.length > 0;
        return;
      case 'RestartTarget':
        assert.ok(this.entry, 'restart only behind a registered entry');
        this.templateRestartedAt = action.restartedAt;
        return;
      case 'RemoveRestartAnnotation':
        this.templateRestartedAt = undefined;
        return;
      case 'EvictPod': {
        const pod = this.pods.find((candidate) => candidate.uid === action.pod.uid);
        if (pod && !pod.terminating) {
          pod.terminating = true;
          this.addPod();
        }
        return;
      }
      case 'ReleaseSplit':
        assert.deepEqual(this.#split().spec.resources, [], 'promise 6: a ledger that is not empty');
        if (this.#split().metadata.deletionTimestamp) this.split = undefined;
        else this.#split().metadata.deletionTimestamp = new Date(this.now).toISOString();
        return;
      case 'RecordStartOffsets':
      case 'FenceProducers':
        assert.fail('SQS has neither');
    }
  }

  #write(spec: WorkloadSplit['spec']): void {
    const before = this.#split().spec;
    for (const queue of spec.queues) {
      const was = before.queues.find((candidate) => candidate.key === queue.key);
      if (was?.forwarding === 'Hold' && queue.forwarding === 'Forward') {
        assert.ok(
          this.pods.every((pod) => pod.token === spec.token),
          'promise 2: cut-over while a pod still reads the original',
        );
      }
    }
    this.#split().spec = spec;
  }

  #create(entries: readonly LedgerEntry[]): void {
    for (const entry of entries) {
      const split = this.#split();
      assert.ok(
        split.spec.resources.some((other) => other.name === entry.name && other.state === 'Planned'),
        'planned before created',
      );
      if (entry.kind === 'Claim') this.claims.add(entry.name);
      else {
        assert.ok(!this.everCreated.has(entry.name) || this.queues.has(entry.name), 'a name is used once in its life');
        this.everCreated.add(entry.name);
        if (!this.queues.has(entry.name)) this.queues.set(entry.name, 0);
      }
      split.spec = withCreated(split.spec, entry, { url: `https://sqs/${entry.name}` });
    }
  }

  #delete(entries: readonly LedgerEntry[]): void {
    for (const entry of entries) {
      const split = this.#split();
      assert.ok(
        split.spec.resources.some((other) => other.name === entry.name && other.state === 'Retired'),
        'retired before deleted',
      );
      if (entry.kind === 'Claim') this.claims.delete(entry.name);
      else {
        assert.equal(this.queues.get(entry.name) ?? 0, 0, `promise 1: ${entry.name} is deleted with messages in it`);
        const readers = this.pods.filter(
          (pod) => pod.token !== undefined && this.#fallbackOf(pod.token) === entry.name,
        );
        assert.equal(readers.length, 0, `promise 1: ${entry.name} is deleted while a pod reads it`);
        this.queues.delete(entry.name);
      }
    }
    const split = this.#split();
    split.spec = bumped(withoutEntries(split.spec, entries));
  }

  #fallbackOf(token: string): string | undefined {
    return [...this.everCreated].find((name) => name.includes('fallback') && token.endsWith(name));
  }

  #session(session: SplitSession): SplitSession {
    const found = this.sessions.get(session.metadata.name);
    assert.ok(found, `session ${session.metadata.name} is gone`);
    return found;
  }

  #split(): WorkloadSplit {
    assert.ok(this.split, 'the split is gone');
    return this.split;
  }

  #move(from: string, to: string): void {
    assert.ok(this.queues.has(to), `promise 1: a message is sent to ${to}, which does not exist`);
    if (this.#take(from)) this.#add(to, 1);
  }

  #take(queue: string): boolean {
    const depth = this.queues.get(queue) ?? 0;
    if (depth > 0) this.queues.set(queue, depth - 1);
    return depth > 0;
  }

  #add(queue: string, count: number): void {
    this.queues.set(queue, (this.queues.get(queue) ?? 0) + count);
  }

  /** Nothing is lost: what was produced lies somewhere or was read. */
  assertNothingLost(): void {
    const lying = [...this.queues.values()].reduce((sum, depth) => sum + depth, 0);
    assert.equal(lying + this.consumed + this.sessionConsumed, this.produced, 'promise 1: a message is missing');
  }

  /** Promise 6, after everything has calmed down. */
  assertRestored(): void {
    assert.equal(this.split, undefined, 'the split is gone');
    assert.deepEqual([...this.queues.keys()], [ORIGINAL], 'no temporary queue');
    assert.deepEqual([...this.claims], [], 'no claim');
    assert.equal(this.entry, false, 'no webhook entry');
    assert.equal(this.templateRestartedAt, undefined, "the template is the owner's");
    assert.ok(
      this.pods.every((pod) => pod.token === undefined),
      'no patched pod',
    );
    assert.equal(this.sessions.size, 0, 'no session is held back');
  }
}

function resolved(session: SplitSession): ResolvedQueue {
  return {
    key: 'orders',
    id: 'orders',
    kind: 'SQS',
    filter: session.spec.queues[0]?.filter ?? {},
    original: { name: ORIGINAL, url: `https://sqs/${ORIGINAL}` },
    identity: 'arn:orders',
    connection: {},
    variables: [
      { container: 'app', variable: 'ORDERS_QUEUE', format: 'Plain', original: ORIGINAL, origin: 'env value' },
    ],
    groupVariables: [],
    tags: {},
  };
}
