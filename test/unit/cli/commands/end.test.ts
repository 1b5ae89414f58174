import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SPLIT_SESSIONS } from '../../../../common/kube/resources.ts';
import { ExecBench } from '../support/exec-bench.ts';
import { sessionFor } from '../support/objects.ts';

test('ends a session and waits until its route is gone', async (t) => {
  const bench = new ExecBench(t);
  bench.cluster.seed(SPLIT_SESSIONS, sessionFor('bob-1'));
  assert.equal(await bench.run(['end', 'bob-1']), 0);
  assert.deepEqual(bench.sessions, []);
  assert.match(bench.stderr, /Session bob-1 gets no messages any more/);
  assert.equal(bench.clock.timers.length, 0);
});

test('does not wait for ever', async (t) => {
  const bench = new ExecBench(t);
  bench.cluster.seed(SPLIT_SESSIONS, sessionFor('bob-1'));
  bench.cluster.holdsDeletion = true;
  const result = bench.run(['end', 'bob-1', '--end-timeout', '10s']);
  await bench.until('the deletion', () => bench.cluster.calls.some((call) => call.startsWith('watch')));
  await bench.clock.advance(10_000);
  assert.equal(await result, 0);
  assert.match(bench.stderr, /its route is still there/);
});

test('a session that is not there is an error', async (t) => {
  const bench = new ExecBench(t);
  assert.equal(await bench.run(['end', 'nobody']), 125);
  assert.match(bench.stderr, /There is no session nobody in namespace shop\n.*qsplit status -n shop/);
});
