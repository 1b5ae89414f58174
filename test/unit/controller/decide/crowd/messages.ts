// SQS of the crowd's world, message by message: visibility, receipts, late requests. Every message that was produced is known by its number, so
// that a copy and its original are told apart from two messages. Serves the controller's model (a Broker) and real data paths (an SQS client).
import assert from 'node:assert/strict';
import type { Clock } from '../../../../../common/clock.ts';
import { Broker } from '../world/broker.ts';
import { QUEUE_IDS } from '../world/catalog.ts';

/** One message as it lies in one queue. */
type Item = { number: number; tenant: string; visibleAt: number; receipt: string; receives: number };
type Batch = { Id: string; ReceiptHandle?: string; VisibilityTimeout?: number; MessageBody?: string };
type Attributes = Record<string, { StringValue?: string }>;

const TENANTS = ['alice', 'bob', 'carol', 'nobody'];
const IN_HAND = Number.POSITIVE_INFINITY;

export class Messages extends Broker {
  readonly #clock: Clock;
  readonly #queues = new Map<string, Item[]>();
  readonly #consumed = new Set<number>();
  /** Promises that were seen to be broken where an exception would go to the product. */
  readonly broken: string[] = [];
  #receipts = 0;

  constructor(clock: Clock) {
    super(QUEUE_IDS);
    this.#clock = clock;
  }

  override produce(queue: string): void {
    this.produced += 1;
    this.#store(queue, this.produced, TENANTS[this.produced % TENANTS.length] ?? '');
  }

  override delete(name: string): void {
    this.answer();
    const items = this.#queues.get(name) ?? [];
    this.#queues.delete(name);
    this.waiting.delete(name);
    this.assertNothingLost(`${name} was deleted with ${items.length} messages in it`);
  }

  override left(queue: string): number {
    return this.#itemsOf(queue).length;
  }

  override receive(queue: string): boolean {
    return this.take(queue) !== undefined;
  }

  override finish(queue: string): void {
    const item = this.#itemsOf(queue).find(({ visibleAt }) => visibleAt === IN_HAND);
    assert.ok(item, `a pod has a message of ${queue} in hand`);
    this.consume(queue, item);
  }

  override giveBack(queue: string): void {
    const item = this.#itemsOf(queue).find(({ visibleAt }) => visibleAt === IN_HAND);
    assert.ok(item, `a pod has a message of ${queue} in hand`);
    item.visibleAt = 0;
  }

  /** The next visible message, which nobody else gets until it is consumed or given back. */
  take(queue: string): Item | undefined {
    const item = this.#visible(queue)[0];
    if (item) Object.assign(item, { visibleAt: IN_HAND, receipt: this.#newReceipt() });
    return item;
  }

  consume(queue: string, item: Item): void {
    this.#remove(queue, item);
    this.#consumed.add(item.number);
    this.consumed += 1;
  }

  /** Promise 1: at least once, a copy counts for its original. */
  assertNothingLost(after: string): void {
    const lying = new Set([...this.#queues.values()].flat().map(({ number }) => number));
    for (let number = 1; number <= this.produced; number += 1)
      assert.ok(lying.has(number) || this.#consumed.has(number), `promise 1: message ${number} is lost: ${after}`);
  }

  /** One call of the SQS API. Rejects as the SDK does. */
  call(action: string, { QueueUrl, ...input }: Record<string, unknown>): object {
    const queue = String(QueueUrl).split('/').at(-1) ?? '';
    if (!this.waiting.has(queue)) throw Object.assign(new Error(queue), { name: 'QueueDoesNotExist' });
    const entries = (input['Entries'] ?? []) as Batch[];
    switch (action) {
      case 'ReceiveMessage':
        return { Messages: this.#receiveBatch(queue, Number(input['VisibilityTimeout'])) };
      case 'SendMessageBatch':
        for (const entry of entries) this.#storeCopy(queue, entry as Batch & { MessageAttributes?: Attributes });
        return { Successful: entries.map(({ Id }) => ({ Id })) };
      case 'DeleteMessageBatch':
        for (const item of this.#named(queue, entries)) this.#remove(queue, item);
        return { Successful: entries.map(({ Id }) => ({ Id })) };
      case 'ChangeMessageVisibilityBatch':
        for (const item of this.#named(queue, entries))
          item.visibleAt = this.#clock.monotonic() + Number(entries[0]?.VisibilityTimeout) * 1000;
        return { Successful: entries.map(({ Id }) => ({ Id })) };
      case 'GetQueueAttributes':
        return { Attributes: this.#depth(queue) };
      default:
        throw new Error(`nobody calls ${action} here`);
    }
  }

  hasVisible(queue: string): boolean {
    return this.#visible(queue).length > 0;
  }

  #receiveBatch(queue: string, seconds: number): object[] {
    return this.#visible(queue)
      .slice(0, 10)
      .map((item) => {
        item.receipt = this.#newReceipt();
        item.visibleAt = this.#clock.monotonic() + seconds * 1000;
        item.receives += 1;
        return {
          MessageId: `${queue} ${item.number}`,
          ReceiptHandle: item.receipt,
          Body: String(item.number),
          Attributes: { ApproximateReceiveCount: String(item.receives) },
          MessageAttributes: { tenant: { DataType: 'String', StringValue: item.tenant } },
        };
      });
  }

  #storeCopy(queue: string, { MessageBody, MessageAttributes }: Batch & { MessageAttributes?: Attributes }): void {
    this.#store(queue, Number(MessageBody), MessageAttributes?.['tenant']?.StringValue ?? '');
  }

  #store(queue: string, number: number, tenant: string): void {
    this.#queues.set(queue, [...this.#itemsOf(queue), { number, tenant, visibleAt: 0, receipt: '', receives: 0 }]);
  }

  #newReceipt(): string {
    this.#receipts += 1;
    return `receipt-${this.#receipts}`;
  }

  /** As on AWS, a handle works until the message was received once more. */
  #named(queue: string, entries: readonly Batch[]): Item[] {
    const receipts = new Set(entries.map(({ ReceiptHandle }) => ReceiptHandle));
    return this.#itemsOf(queue).filter(({ receipt }) => receipts.has(receipt));
  }

  #depth(queue: string): Record<string, string> {
    const items = this.#itemsOf(queue);
    const visible = this.#visible(queue).length;
    return {
      ApproximateNumberOfMessages: String(visible),
      ApproximateNumberOfMessagesNotVisible: String(items.length - visible),
    };
  }

  #visible(queue: string): Item[] {
    return this.#itemsOf(queue).filter(({ visibleAt }) => visibleAt <= this.#clock.monotonic());
  }

  #itemsOf(queue: string): Item[] {
    return this.#queues.get(queue) ?? [];
  }

  #remove(queue: string, item: Item): void {
    this.#queues.set(
      queue,
      this.#itemsOf(queue).filter((other) => other !== item),
    );
  }
}
