// The world of the model for `decide`: one target, its pods, brokers, a forwarder, and a controller that is killed, sleeps and comes back. Events
// are methods; each leaves the world as such an event would, and the promises are checked where they could break.
import { isDeepStrictEqual } from 'node:util';
import { FINALIZER } from '../../../../../api/constants.ts';
import type { ObjectMeta } from '../../../../../api/kinds/common.ts';
import type { SplitSession } from '../../../../../api/kinds/split-session.ts';
import { PATCHING_PHASES, type SplitQueue, type WorkloadSplit } from '../../../../../api/kinds/workload-split.ts';
import { SplitterError } from '../../../../../common/errors.ts';
import { Failures } from '../../../../../controller/act/failures.ts';
import { decide } from '../../../../../controller/decide/decide.ts';
import type { Decision, Settings } from '../../../../../controller/decide/observed.ts';
import type { Names } from '../../../../../controller/decide/plan.ts';
import { sessionStatus } from '../../../../../controller/status/session-status.ts';
import { silentLog } from '../../../common/silent-log.ts';
import { perform } from './actions.ts';
import { Broker } from './broker.ts';
import { newSession, QUEUE_IDS, type QueueId, variableOf } from './catalog.ts';
import { Forwarder } from './forwarder.ts';
import { Observer } from './observer.ts';
import { checkReady } from './promises.ts';
import { Target, type Via } from './target.ts';

function nextVersion(before: ObjectMeta, change: Partial<ObjectMeta>): ObjectMeta {
  return { ...before, ...change, resourceVersion: String(Number(before.resourceVersion) + 1) };
}

export class World {
  now = 1_700_000_000_000;
  split: WorkloadSplit | undefined;
  readonly sessions = new Map<string, SplitSession>();
  readonly broker: Broker;
  forwarder: Forwarder;
  /** A forwarder that is cut off from the API server and still acts by what it saw last. */
  exile: Forwarder | undefined;
  readonly target: Target;
  readonly failures = new Failures(() => this.now, silentLog());
  /** Names of entries that were Retired at some time. */
  readonly retired = new Set<string>();
  /** Session queue → uid of the session that was ever told of it. */
  readonly readers = new Map<string, string>();
  readonly foreignClaims = new Set<string>();
  /** Sessions whose heartbeat has stopped. */
  readonly silent = new Set<string>();
  /** By how much the API server's clock, by which objects are created and deleted, is ahead of the controller's. */
  apiAheadMs = 0;
  terminating = false;
  uninstalling = false;
  webhookDown = false;
  /** So many other targets are split that there is no room for an entry more. */
  webhookFull = false;
  ttlSeconds = 0;
  lingerSeconds: number | undefined;
  deadlineSeconds: number | undefined;
  /** Splits that their namespace could not wait for, as they were then. */
  readonly handedOver = new Set<WorkloadSplit>();
  onKafkaDrainTimeout: Settings['onKafkaDrainTimeout'] = 'Keep';
  readonly log: string[] = [];
  /** A decision of long ago is carried out: what the brokers held then is not what they hold now, and the next look sees that. */
  isWakingUp = false;
  #observer = new Observer(this);
  #asleep: Decision | undefined;
  #uids = 0;
  #digits = 0;

  constructor(broker = new Broker(QUEUE_IDS)) {
    this.broker = broker;
    this.forwarder = this.#newForwarder();
    this.target = new Target(broker, () => this.now);
  }

  readonly names: Names = {
    temporaryQueue: (_kind, original, role) => `mirrord-${this.#nextDigits()}-${role}-${original}`,
    temporaryGroup: (original) => `mirrord-${this.#nextDigits()}-${original}`,
    claim: (_kind, identity) => `claim-${identity}`,
    transactionalIdPrefix: (uid, key) => `${uid}-${key}`,
    token: (uid, environment) => `qs-${uid}-${environment.map(({ value }) => value).join('-')}`,
  };

  newUid(kind: string): string {
    this.#uids += 1;
    return `${kind}-${this.#uids}`;
  }

  #nextDigits(): number {
    this.#digits += 1;
    return this.#digits;
  }

  get isPatching(): boolean {
    return this.split !== undefined && PATCHING_PHASES.has(this.split.spec.phase);
  }

  isTold(queue: SplitQueue): boolean {
    return this.split?.spec.environment.some((entry) => entry.variable === variableOf(queue.key)) === true;
  }

  /** See Forwarder. */
  isForwarderUsing(queue: string): boolean {
    return this.forwarder.isUsing(queue);
  }

  /** See Forwarder. */
  isPassingOver(key: string, sessionUid: string): boolean {
    return this.forwarder.isPassingOver(key, sessionUid);
  }

  /** Objects are replaced, never changed: whoever has seen one keeps what he saw. */
  changeSplit(change: Partial<Pick<WorkloadSplit, 'spec' | 'status'>>, metadata: Partial<ObjectMeta> = {}): void {
    if (!this.split) return;
    this.split = { ...this.split, ...change, metadata: nextVersion(this.split.metadata, metadata) };
    if (change.spec) this.target.webhook.note(this.now, change.spec);
  }

  changeSession(name: string, change: Partial<Pick<SplitSession, 'status'>>, metadata: Partial<ObjectMeta> = {}): void {
    const session = this.sessions.get(name);
    if (!session) return;
    this.sessions.set(name, { ...session, ...change, metadata: nextVersion(session.metadata, metadata) });
  }

  #apiTime(): string {
    return new Date(this.now + this.apiAheadMs).toISOString();
  }

  // — people —

  addSession(name: string, ids: readonly QueueId[]): void {
    if (this.sessions.has(name) || this.terminating) return;
    this.silent.delete(name);
    this.sessions.set(name, newSession(name, this.newUid('session'), ids, this.now + this.apiAheadMs));
  }

  deleteSession(name: string): void {
    const session = this.sessions.get(name);
    if (!session || session.metadata.deletionTimestamp) return;
    if (!session.metadata.finalizers?.includes(FINALIZER)) {
      this.sessions.delete(name);
      return;
    }
    this.changeSession(name, {}, { deletionTimestamp: this.#apiTime() });
  }

  /** Somebody takes its finalizer off. */
  tearSession(name: string): void {
    this.sessions.delete(name);
  }

  deleteSplit(): void {
    if (!this.split || this.split.metadata.deletionTimestamp) return;
    this.changeSplit({}, { deletionTimestamp: this.#apiTime() });
  }

  /** Everything in it gets its deletion timestamp at once; nothing new can be made in it. */
  deleteNamespace(): void {
    this.terminating = true;
    this.target.delete();
    this.deleteSplit();
    for (const name of [...this.sessions.keys()]) this.deleteSession(name);
  }

  /** Somebody else's split has this original. */
  claimElsewhere(id: QueueId): void {
    const name = this.names.claim('SQS', `arn:${id}`);
    if (this.broker.claims.has(name)) return;
    this.broker.claims.set(name, 'split of another target');
    this.foreignClaims.add(name);
  }

  /** The original of a Kafka queue gets more partitions. */
  growOriginal(): void {
    for (const { kind, name, state } of this.split?.spec.resources ?? [])
      if (kind === 'KafkaTopic' && state === 'Created') this.broker.outgrown.add(name);
  }

  releaseElsewhere(): void {
    for (const name of this.foreignClaims) this.broker.claims.delete(name);
    this.foreignClaims.clear();
  }

  wipeConfiguration(): void {
    this.target.entry.note(this.now, undefined);
  }

  loseStatus(): void {
    this.changeSplit({ status: {} });
  }

  // — time and machines —

  pass(ms: number): void {
    this.now += ms;
  }

  forward(): void {
    this.forwarder.see(this.split);
    this.forwardBlindly();
  }

  /** With what it last saw of the split. */
  forwardBlindly(): void {
    const forwarder = this.forwarder.work();
    if (forwarder && forwarder.uid === this.split?.metadata.uid)
      this.changeSplit({ status: { ...this.split?.status, forwarder: forwarder.status } });
  }

  /** Another replica takes its place: the holder in the status is another one, who has not said anything yet. */
  cutOffForwarder(): void {
    if (this.exile || !this.forwarder.alive) return;
    this.exile = this.forwarder;
    this.exile.beCutOff();
    this.forwarder = this.#newForwarder();
    const taken = { holder: 'forwarder-1', acknowledgedRevision: 0, queues: [] };
    this.changeSplit({ status: { ...this.split?.status, forwarder: taken } });
  }

  /** Its time is over, it sees the API server again, or its pod is gone. */
  endExile(): void {
    this.exile = undefined;
  }

  #newForwarder(): Forwarder {
    return new Forwarder(this.broker, () => this.exile !== undefined);
  }

  /** Session processes read one message of each of their queues. */
  consumeSessions(): void {
    for (const queue of this.split?.spec.queues ?? []) {
      for (const { destination } of queue.routes) {
        if (this.broker.receive(destination.name)) this.broker.finish(destination.name);
      }
    }
  }

  rollout(via: Via): void {
    this.target.rollout(via);
  }

  // — the controller —

  /** One turn; `actions` limits how many it gets done before it is killed, in the middle of the next one or before it. */
  reconcile(actions = Number.POSITIVE_INFINITY, inTheMiddle = false): boolean {
    const observed = this.#observer.observe();
    const decision = decide(observed, this.names);
    const isKilled = actions < decision.actions.length;
    this.#perform(decision, actions, inTheMiddle);
    if (isKilled) this.#observer = new Observer(this);
    else this.#report(observed, decision);
    return decision.actions.length > 0;
  }

  /** A controller decides and falls asleep before it acts; another one takes over. */
  fallAsleep(): void {
    this.#asleep = decide(this.#observer.observe(), this.names);
    this.#observer = new Observer(this);
  }

  /**
   * What it creates too late is for a sweep of the brokers, and a restart that comes after the end of a split that never touched the target
   * is for people: neither is in this model.
   */
  wakeUp(): void {
    const decision = this.#asleep;
    this.#asleep = undefined;
    if (!decision) return;
    const actions = decision.actions.filter(
      ({ type }) => type !== 'CreateResources' && (type !== 'RestartTarget' || this.target.entry.newest !== undefined),
    );
    this.isWakingUp = true;
    this.#perform({ ...decision, actions }, Number.POSITIVE_INFINITY, false);
    this.isWakingUp = false;
  }

  #perform({ actions }: Decision, limit: number, inTheMiddle: boolean): void {
    try {
      for (const [index, action] of actions.entries()) {
        if (index > limit || (index === limit && !inTheMiddle)) return;
        this.log.push(`${action.type}${'why' in action ? ` (${action.why})` : ''}`);
        perform(this, action, index === limit);
      }
    } catch (error) {
      if (!(error instanceof SplitterError)) throw error;
      this.log.push(`${error.code}: ${error.message}`);
    }
  }

  #report(observed: ReturnType<Observer['observe']>, decision: Decision): void {
    const touched = new Set(
      decision.actions.flatMap((action) => ('session' in action ? [action.session.metadata.name] : [])),
    );
    for (const entry of observed.sessions) {
      const { name } = entry.session.metadata;
      const session = this.sessions.get(name);
      if (!session || touched.has(name) || session.status?.phase === 'Failed') continue;
      const status = sessionStatus(observed, entry, decision.waitingFor);
      if (status.phase === 'Ready' && session.status?.phase !== 'Ready') checkReady(this, name, status);
      if (!isDeepStrictEqual(status, session.status)) this.changeSession(name, { status });
    }
  }
}
