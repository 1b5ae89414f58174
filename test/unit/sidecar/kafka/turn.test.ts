import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SplitQueue } from '../../../../api/kinds/workload-split.ts';
import { readContent, writeContent } from '../../../../common/kafka/wire/record-batch.ts';
import { SourcePartition } from '../../../../sidecar/kafka/partition.ts';
import { attributesOf, createRouter } from '../../../../sidecar/kafka/router.ts';
import { planTurn } from '../../../../sidecar/kafka/turn.ts';

const record = (value: string, headers: [string, string | null][] = []) => ({
  offset: 0n,
  timestamp: 5n,
  codec: 0,
  body: writeContent({
    key: null,
    value: Buffer.from(value),
    headers: headers.map(([key, text]) => ({ key: Buffer.from(key), value: text === null ? null : Buffer.from(text) })),
  }),
});

function queue(routes: { session: string; filter: Record<string, string>; ending?: boolean }[]): SplitQueue {
  return {
    key: 'orders',
    id: 'orders',
    kind: 'Kafka',
    connection: {},
    variables: [],
    groupVariables: [],
    original: { name: 'orders', group: 'app' },
    fallback: { name: 'fallback' },
    forwarding: 'Forward',
    routes: routes.map(({ session, filter, ending = false }, index) => ({
      session,
      sessionUid: `uid-${session}`,
      filter,
      mode: 'steal',
      destination: { name: `topic-${session}` },
      startedAt: new Date(index * 1000).toISOString(),
      ending,
    })),
  };
}

const read = (partition: number, records: ReturnType<typeof record>[]) => ({
  source: new SourcePartition(partition, { begin: 0n, committed: 0n }),
  records,
  next: BigInt(records.length),
  leaderEpoch: 0,
});

describe('planTurn', () => {
  it('keeps partition and order for each destination', () => {
    const router = createRouter(queue([{ session: 'alice', filter: { tenant: '^alice$' } }]));
    const records = ['1', '2', '3', '4'].map((value, index) =>
      record(value, [['tenant', index % 2 ? 'alice' : 'bob']]),
    );
    const turn = planTurn([read(3, records), read(5, records)], router);
    const written = turn.outputs.map(({ topic, partition, records: output }) => [
      topic,
      partition,
      output.map(({ body }) => readContent(body).value?.toString()).join(''),
    ]);
    assert.deepEqual(written, [
      ['fallback', 3, '13'],
      ['topic-alice', 3, '24'],
      ['fallback', 5, '13'],
      ['topic-alice', 5, '24'],
    ]);
    assert.equal(turn.records, 8);
    assert.deepEqual(
      turn.destinations.map(({ session, records: count }) => [session, count]),
      [
        ['', 4],
        ['alice', 4],
      ],
    );
    assert.equal(turn.newestTimestamp, 5n);
  });

  it('gives a message to the session that started first, and nothing to an ending one', () => {
    const filter = { tenant: 'alice' };
    const routed = (ending: boolean) =>
      createRouter(
        queue([
          { session: 'first', filter, ending },
          { session: 'second', filter },
        ]),
      ).route([record('x', [['tenant', 'alice']])])[0]?.route?.session;
    assert.equal(routed(false), 'first');
    assert.equal(routed(true), 'second');
  });

  it('any value of a repeated header may match; a null value never does; names keep their case', () => {
    const router = createRouter(queue([{ session: 'a', filter: { t: '^x$' } }]));
    const session = (headers: [string, string | null][]) => router.route([record('v', headers)])[0]?.route?.session;
    assert.equal(
      session([
        ['t', 'y'],
        ['t', 'x'],
      ]),
      'a',
    );
    assert.equal(session([['t', null]]), undefined);
    assert.equal(session([['T', 'x']]), undefined);
    assert.deepEqual(
      [
        ...attributesOf(
          record('v', [
            ['t', null],
            ['t', 'x'],
          ]),
        ),
      ],
      [['t', ['x']]],
    );
  });

  it('a filter that cannot be used takes nothing and is reported', () => {
    const router = createRouter(
      queue([
        { session: 'a', filter: { t: '(' } },
        { session: 'b', filter: { t: 'x' } },
      ]),
    );
    assert.equal(router.route([record('v', [['t', 'x']])])[0]?.route?.session, 'b');
    assert.deepEqual([...router.problems.keys()], ['uid-a']);
  });
});
