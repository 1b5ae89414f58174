// The model's world with a data plane of two replicas, each of which is the product's own code. Only SQS: Kafka has a fence.
import assert from 'node:assert/strict';
import type { SplitQueue, WorkloadSplit } from '../../../../../api/kinds/workload-split.ts';
import { FakeClock, settled } from '../../../common/fake-clock.ts';
import { World } from '../world/world.ts';
import { Api } from './api.ts';
import { Messages } from './messages.ts';
import { Replica } from './replica.ts';

export class Crowd extends World {
  readonly time: FakeClock;
  readonly messages: Messages;
  readonly api: Api;
  readonly replicas: Replica[] = [];
  #pods = 0;

  constructor() {
    const time = new FakeClock(1_700_000_000_000);
    const messages = new Messages(time);
    super(messages);
    this.time = time;
    this.messages = messages;
    this.api = new Api(this, () => void Promise.resolve().then(() => this.show()));
    this.startPod(0);
    this.startPod(1);
  }

  replica(index: number): Replica {
    const replica = this.replicas[index];
    assert.ok(replica);
    return replica;
  }

  /** What replicas see of all that happened. */
  show(): void {
    for (const replica of this.replicas) replica.see(this.split, [...this.api.leases.values()]);
  }

  async live(ms: number): Promise<void> {
    this.show();
    await this.time.advance(ms);
    this.now = this.time.now();
    this.show();
    await settled();
    this.messages.assertNothingLost('at any time');
    assert.deepEqual(this.messages.broken, []);
    this.#assertStoppedForAll();
  }

  get holder(): string | undefined {
    return this.split?.status?.forwarder?.holder;
  }

  /** "Stopped" is a promise for all replicas. */
  #assertStoppedForAll(): void {
    const split: WorkloadSplit | undefined = this.split;
    if (split === undefined) return;
    const { spec, status } = split;
    if (status?.forwarder?.acknowledgedRevision !== spec.revision) return;
    for (const { key, state } of status.forwarder.queues) {
      const queue: SplitQueue | undefined = spec.queues.find((candidate) => candidate.key === key);
      if (state !== 'Stopped' || queue?.forwarding !== 'Stop') continue;
      const sending = this.replicas.filter((replica) => replica.isUsing(queue.fallback.name));
      assert.deepEqual(
        sending.map(({ name }) => name),
        [],
        `${key} is Stopped`,
      );
    }
  }

  override isForwarderUsing(queue: string): boolean {
    return this.replicas.some((replica) => replica.isUsing(queue));
  }

  /** Who is cut off knows no new routes (ADR 6); the holder that says so must. */
  override isPassingOver(key: string, sessionUid: string): boolean {
    const holder = this.replicas.find(({ name }) => name === this.holder);
    return holder?.isPassingOver(key, sessionUid) ?? false;
  }

  override consumeSessions(): void {
    for (const queue of this.split?.spec.queues ?? []) {
      for (const { destination, filter, ending } of queue.routes) {
        const item = ending ? undefined : this.messages.take(destination.name);
        if (!item) continue;
        assert.equal(item.tenant, filter['tenant'], `promise 2: a message of ${item.tenant} in a stranger's hands`);
        this.messages.consume(destination.name, item);
      }
    }
  }

  // — what happens to replicas —

  startPod(index: number): void {
    this.#pods += 1;
    this.#start(index, `forwarder-${this.#pods}`);
  }

  /** The container starts anew in its pod. */
  restart(index: number): void {
    const { name, machine } = this.replica(index);
    machine.isDead = true;
    this.#start(index, name);
  }

  replacePod(index: number): void {
    const { name, machine } = this.replica(index);
    machine.isDead = true;
    this.api.deleteLease(name);
    this.startPod(index);
  }

  /** Both ends of a fault; `lagMs` is how much later its watches are open again. */
  connect(index: number, lagMs: number): void {
    const { machine } = this.replica(index);
    if (!machine.isCutOff) return;
    machine.isCutOff = false;
    machine.delayWatches(lagMs);
  }

  thaw(index: number, lagMs: number, lastFirst: boolean): void {
    const { machine } = this.replica(index);
    if (!machine.isFrozen) return;
    this.replica(index).forgetWayBack();
    machine.delayWatches(lagMs);
    machine.thaw(lastFirst);
  }

  #start(index: number, name: string): void {
    this.replicas[index] = new Replica(name, this.time, this.api, this.messages);
  }
}
