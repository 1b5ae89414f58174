/** Makes up orders: same seed, same orders. Pure but for its own counters. */
import type { AttemptEvent, Attribute, QueueKind } from '../checker/history.ts';
import type { Order } from './order.ts';

/** An order with all that its producer sends along. */
export type Message = Omit<AttemptEvent, 'event' | 'attemptAt'>;
export type OrderBook = { readonly next: (kind: QueueKind, source: string, now: number) => Message };
export type OrderBookSettings = {
  readonly seed: number;
  /** `alice=3,bob=1`: names and weights. */
  readonly tenants: string;
  readonly keysPerTenant: number;
};

/** Every n-th Kafka order has no key. */
const KEYLESS_EVERY = 25;
const TEXTS = ['two shirts', 'a lamp – 40 W', 'Grüße, 3 × Käse', '靴下', 'quotes "\' and \\ back', ''];
/** Not UTF-8 on purpose: a copy that goes through a string breaks it. */
const BINARY = Buffer.from([0, 255, 254, 128, 10, 13, 34]);

/** mulberry32, a small seeded generator of numbers in [0, 1). */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function parseTenants(text: string): { name: string; weight: number }[] {
  return text.split(',').map((part) => {
    const [name = '', weight = '1'] = part.split('=');
    if (name === '' || !(Number(weight) > 0)) throw new Error(`TENANTS must look like alice=3,bob=1, not '${text}'`);
    return { name, weight: Number(weight) };
  });
}

function sqsAttributes(tenant: string, amount: number, trace: string): Attribute[] {
  return [
    { name: 'tenant', type: 'String', value: tenant },
    { name: 'amount', type: 'Number', value: amount.toFixed(2) },
    { name: 'trace', type: 'String.trace', value: trace },
    { name: 'signature', type: 'Binary', value: BINARY.toString('base64'), base64: true },
  ];
}

function kafkaHeaders(tenant: string, trace: string): Attribute[] {
  return [
    { name: 'trace', type: 'header', value: trace },
    { name: 'hop', type: 'header', value: 'web' },
    { name: 'hop', type: 'header', value: 'basket' },
    { name: 'tenant', type: 'header', value: tenant },
    { name: 'signature', type: 'header', value: BINARY.toString('base64'), base64: true },
    { name: 'content-type', type: 'header', value: 'application/json' },
  ];
}

export function createOrderBook({ seed, tenants, keysPerTenant }: OrderBookSettings): OrderBook {
  const random = createRandom(seed);
  const parsed = parseTenants(tenants);
  const total = parsed.reduce((sum, { weight }) => sum + weight, 0);
  const counts = new Map<string, number>();
  const count = (name: string): number => {
    const next = (counts.get(name) ?? 0) + 1;
    counts.set(name, next);
    return next;
  };
  const pickTenant = (): string => {
    let rest = random() * total;
    const picked = parsed.find(({ weight }) => {
      rest -= weight;
      return rest < 0;
    });
    return picked?.name ?? parsed[0]?.name ?? '';
  };
  return {
    next: (kind, source, now) => {
      const tenant = pickTenant();
      const number = count(`all ${kind} ${source}`);
      const id = `${kind}-${source}-${seed}-${number}`;
      const keyed = kind === 'kafka' && number % KEYLESS_EVERY !== 0;
      const key = keyed ? `${tenant}-${Math.floor(random() * keysPerTenant)}` : null;
      const seq = count(`key ${kind} ${source} ${key}`);
      const text = TEXTS[number % TEXTS.length] ?? '';
      const order: Order = { id, tenant, key, seq, sentAt: now, text };
      const trace = `trace-${number.toString(36)}`;
      const attributes = kind === 'sqs' ? sqsAttributes(tenant, random() * 100, trace) : kafkaHeaders(tenant, trace);
      return { id, kind, source, tenant, key, seq, body: JSON.stringify(order), attributes };
    },
  };
}
