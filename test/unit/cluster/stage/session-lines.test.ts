import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sessionLines } from '../../../cluster/stage/session-lines.ts';

test('a mirrord.json with comments and trailing commas gives one line for each kind', () => {
  const text = `{
    // mine
    "feature": { "split_queues": {
      "a": { "queue_type": "SQS", "message_filter": { "Tenant": "^bob$" } },
      "b": { "queue_type": "Kafka" }, /* nothing */
    } },
  }`;
  const times = { startedAt: 1, readyAt: 2, endRequestedAt: 3, endedAt: null };
  const common = { name: 'bob', reader: 'bob', source: 'orders', ...times };
  assert.deepEqual(sessionLines('bob', text, times), [
    { ...common, kind: 'sqs', filter: { Tenant: '^bob$' } },
    { ...common, kind: 'kafka', filter: {} },
  ]);
});
