import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { forwarderQueueStatus } from '../../../api/kinds/split-queue.ts';
import type { Route } from '../../../api/kinds/workload-split.ts';
import { SplitterError } from '../../../common/errors.ts';
import { messageAttributes } from '../../../common/filter/filter.ts';
import { Telling } from '../../../sidecar/telling.ts';

const ALICE: Route = {
  session: 'alice',
  sessionUid: 'uid-alice',
  filter: { tenant: '^alice$' },
  mode: 'steal',
  destination: { name: 'session-queue' },
  startedAt: '2026-01-01T00:00:00Z',
  ending: false,
};
const CALM = { isError: false, problem: undefined, returned: [] };
const problem = (message: string) => new SplitterError('BrokerUnreachable', message, { retryable: true });

function telling() {
  const counter = { changes: 0 };
  return {
    counter,
    telling: new Telling(
      (name) => name.toLowerCase(),
      () => {
        counter.changes += 1;
      },
    ),
  };
}

describe('Telling', () => {
  it('tells state, and a change only when it is one', () => {
    const { telling: told, counter } = telling();
    assert.deepEqual(told.status('orders', CALM), { key: 'orders', state: 'Holding' });
    told.setState('Forwarding');
    told.setState('Forwarding');
    assert.equal(counter.changes, 1);
    told.cutOver = '0:12';
    assert.deepEqual(told.status('orders', CALM), { key: 'orders', state: 'Forwarding', cutOver: '0:12' });
  });

  it('shows Error instead of the state, and the problem that it is given within the limit of a status', () => {
    const { telling: told } = telling();
    told.setState('Forwarding');
    const status = told.status('orders', {
      isError: true,
      problem: problem('x'.repeat(5000)),
      returned: [{ sessionUid: 'uid-alice', messages: 3 }],
    });
    assert.equal(status.state, 'Error');
    assert.equal(status.reason, 'BrokerUnreachable');
    assert.deepEqual(status.returned, [{ sessionUid: 'uid-alice', messages: 3 }]);
    assert.deepEqual(forwarderQueueStatus.parse(status), status);
  });

  it('keeps one problem per source and says which is new', () => {
    const { telling: told, counter } = telling();
    assert.equal(told.setProblem('read', problem('away')), true);
    assert.equal(told.setProblem('read', problem('away')), false);
    assert.equal(counter.changes, 1);
    assert.equal(told.setProblem('read', problem('refused')), false);
    assert.equal(counter.changes, 2);
    assert.equal(told.setProblem('read', undefined), false);
    assert.equal(told.setProblem('read', undefined), false);
    assert.equal(counter.changes, 3);
    told.setProblem('delete', problem('away'));
    told.forgetProblem('delete');
    assert.deepEqual([...told.problems], []);
  });

  it('tells what was seen until a session got its first message, not with every message after it', () => {
    const { telling: told, counter } = telling();
    const message = (tenant: string) => messageAttributes('SQS', [['Tenant', tenant]]);
    told.setRoutes([ALICE]);
    told.saw(message('bob'), undefined);
    assert.equal(told.status('orders', CALM).seen, undefined);
    told.tellSeen();
    told.tellSeen();
    assert.equal(counter.changes, 1);
    told.saw(message('alice'), ALICE);
    told.tellSeen();
    assert.deepEqual(told.status('orders', CALM).seen, [
      { sessionUid: 'uid-alice', read: 2, matched: 1, names: [{ name: 'tenant', messages: 1, distinct: 1 }] },
    ]);
    told.saw(message('alice'), ALICE);
    told.tellSeen();
    assert.equal(counter.changes, 2);
    told.setRoutes([]);
    told.tellSeen();
    assert.equal(counter.changes, 3);
    assert.equal(told.status('orders', CALM).seen, undefined);
  });
});
