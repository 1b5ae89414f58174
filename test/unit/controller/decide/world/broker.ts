// The brokers of the model's world: how many messages lie in which queue, who has some in hand, what is claimed, and Kafka's group and fence.
import assert from 'node:assert/strict';
import { SplitterError } from '../../../../../common/errors.ts';

/** `falters`: every other call has no answer. */
export type BrokerMode = 'works' | 'falters' | 'unreachable' | 'denies';

export class Broker {
  mode: BrokerMode = 'works';
  /** Messages that wait, by queue; a queue exists when it is a key. */
  readonly waiting = new Map<string, number>();
  readonly everCreated = new Set<string>();
  /** Claim → uid of the split that holds it. */
  readonly claims = new Map<string, string>();
  /** Kafka: no member of the group subscribes to an original any more, and the group is not rebalancing. */
  settled = true;
  /** Kafka: transactional id prefixes that the controller has taken. */
  readonly fenced = new Set<string>();
  /** Kafka: fallback topics with a transaction that its producer left open; the fence completes it. */
  readonly open = new Map<string, number>();
  /** Kafka: a member of the group subscribes to the originals. */
  subscribed = true;
  /** Temporary topics with fewer partitions than their original. */
  readonly outgrown = new Set<string>();
  produced = 0;
  #calls = 0;
  consumed = 0;
  dropped = 0;
  /** Queues whose messages lie elsewhere again, or were dropped: what pods still do with their copies counts for nothing. */
  readonly #givenUp = new Set<string>();
  readonly #rewound = new Set<string>();
  /** Kafka: sent to a fallback by the application itself after its group was moved back. */
  readonly #own = new Map<string, number>();
  /** In hand of a pod: received and not yet deleted or committed, by queue. */
  readonly #inHand = new Map<string, number>();

  constructor(originals: readonly string[]) {
    for (const name of originals) this.waiting.set(name, 0);
  }

  /** What every call of the controller meets first. */
  answer(): void {
    this.#calls += 1;
    if (this.mode === 'unreachable' || (this.mode === 'falters' && this.#calls % 2 === 0))
      throw new SplitterError('BrokerUnreachable', 'no answer from the broker', { retryable: true });
    if (this.mode === 'denies') throw new SplitterError('PermissionDenied', 'CreateQueue is not allowed');
  }

  /** What an application sends to its own copy after its group was moved back is in no original. */
  produce(queue: string): void {
    this.produced += 1;
    if (this.#rewound.has(queue)) this.#add(this.#own, queue, 1);
    else if (this.#givenUp.has(queue)) this.dropped += 1;
    else this.#add(this.waiting, queue, 1);
  }

  create(name: string): void {
    this.answer();
    assert.ok(!this.everCreated.has(name) || this.waiting.has(name), `${name} is made a second time in its life`);
    this.everCreated.add(name);
    if (!this.waiting.has(name)) this.waiting.set(name, 0);
  }

  grow(name: string): void {
    this.answer();
    this.outgrown.delete(name);
  }

  delete(name: string): void {
    this.answer();
    this.outgrown.delete(name);
    assert.equal(this.left(name), 0, `promise 1: ${name} is deleted with messages in it`);
    assert.equal(this.#own.get(name) ?? 0, 0, `promise 1: ${name} is deleted with what its application sent there`);
    assert.equal(this.open.get(name) ?? 0, 0, `promise 1: ${name} is deleted with an open transaction`);
    this.waiting.delete(name);
  }

  /** What is still to be read, messages in hand included: SQS counts those, and Kafka's are not committed. */
  left(queue: string): number {
    if (this.#givenUp.has(queue)) return 0;
    return (this.waiting.get(queue) ?? 0) + (this.#inHand.get(queue) ?? 0);
  }

  move(from: string, to: string): boolean {
    assert.ok(this.waiting.has(to), `promise 1: a message is sent to ${to}, which does not exist`);
    if (!this.#take(from)) return false;
    this.#add(this.waiting, to, 1);
    return true;
  }

  receive(queue: string): boolean {
    if (!this.#take(queue)) return false;
    this.#add(this.#inHand, queue, 1);
    return true;
  }

  finish(queue: string): void {
    if (this.#givenUp.has(queue)) return;
    this.#add(this.#inHand, queue, -1);
    this.consumed += 1;
  }

  giveBack(queue: string): void {
    if (this.#givenUp.has(queue)) return;
    assert.ok(this.waiting.has(queue), `promise 1: a message goes back to ${queue}, which does not exist`);
    this.#add(this.#inHand, queue, -1);
    this.#add(this.waiting, queue, 1);
  }

  /** What is left, in hand or not, is nobody's to read here any more. */
  giveUp(queue: string): number {
    const left = this.left(queue);
    this.waiting.set(queue, 0);
    this.#inHand.delete(queue);
    this.#givenUp.add(queue);
    return left;
  }

  /** The group on the original stands again in front of what nobody has read of the copies. */
  rewind(copies: string, original: string): void {
    this.#add(this.waiting, original, this.giveUp(copies));
    this.#rewound.add(copies);
  }

  returnOwn(fallback: string, original: string): void {
    this.answer();
    this.#add(this.waiting, original, this.#own.get(fallback) ?? 0);
    this.#own.delete(fallback);
  }

  drop(queue: string): void {
    this.dropped += this.giveUp(queue);
  }

  /** A Kafka producer takes a record for a fallback and has not ended its transaction. */
  beginTransaction(original: string, fallback: string): void {
    if (this.#take(original)) this.#add(this.open, fallback, 1);
  }

  endTransaction(fallback: string): void {
    const records = this.open.get(fallback) ?? 0;
    if (records === 0) return;
    assert.ok(this.waiting.has(fallback), `promise 1: a transaction ends in ${fallback}, which does not exist`);
    this.open.delete(fallback);
    this.#add(this.waiting, fallback, records);
  }

  fence(prefix: string, fallback: string): void {
    this.answer();
    this.fenced.add(prefix);
    this.endTransaction(fallback);
  }

  /** Everything that was ever produced and not consumed, wherever it is. */
  get lying(): number {
    return [this.waiting, this.#inHand, this.open, this.#own]
      .flatMap((place) => [...place.values()])
      .reduce((sum, messages) => sum + messages, 0);
  }

  #take(queue: string): boolean {
    const messages = this.waiting.get(queue) ?? 0;
    if (messages > 0) this.waiting.set(queue, messages - 1);
    return messages > 0;
  }

  #add(place: Map<string, number>, queue: string, messages: number): void {
    place.set(queue, (place.get(queue) ?? 0) + messages);
  }
}
