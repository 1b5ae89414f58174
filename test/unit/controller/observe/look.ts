// Looks of the controller at a bench, as tests of them need it.
import assert from 'node:assert/strict';
import type { Observed } from '../../../../controller/decide/observed.ts';
import { Heartbeats } from '../../../../controller/observe/heartbeats.ts';
import { type ObserverOptions, observe } from '../../../../controller/observe/observe.ts';
import { Steady } from '../../../../controller/observe/steady.ts';
import { type Bench, createBench } from '../bench.ts';
import { SETTINGS } from '../facts.ts';

export const KEY = { namespace: 'shop', split: 'deployment-orders-worker' };
export const ALICE = { name: 'alice', namespace: 'shop' };
export const RESOLUTION = { queues: [], restartTimeoutSeconds: 60, ttlSeconds: 0 };

export type SetUp = Bench & {
  /** Versions of Leases as the cache has them, which may be old. */
  cached: Map<string, string | undefined>;
  /** Names of the sessions that were resolved. */
  resolved: string[];
  look: () => Promise<Observed>;
  observer: ObserverOptions;
};

export function setUp(more: Partial<ObserverOptions> = {}): SetUp {
  const bench = createBench();
  const cached: SetUp['cached'] = new Map();
  const resolved: string[] = [];
  const observer: ObserverOptions = {
    heartbeats: new Heartbeats(() => bench.clock.monotonic()),
    steady: new Steady(() => bench.clock.monotonic()),
    resolve: async ({ metadata }) => {
      resolved.push(metadata.name);
      return RESOLUTION;
    },
    leaseVersion: ({ metadata }) => cached.get(metadata.name),
    isForwarderAway: async () => false,
    emptyConfirmationMs: { SQS: 0, Kafka: 0 },
    settings: () => ({ ...SETTINGS, restoreConfirmationMs: 10_000 }),
    ...more,
  };
  const look = async (): Promise<Observed> =>
    (await observe(observer, bench.context, KEY)) ?? assert.fail('nothing was there');
  return { ...bench, cached, resolved, look, observer };
}
