import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Lease } from '../../../../common/kube/lease.ts';
import { LEASES } from '../../../../common/kube/resources.ts';
import { type Bench, putSession } from '../bench.ts';
import { refusal } from '../fake-kube.ts';
import { ALICE, type SetUp, setUp } from './look.ts';

describe('a session without heartbeat for its time', () => {
  const silent = async (more: { lease?: boolean } = {}): Promise<SetUp> => {
    const bench = setUp();
    putSession(bench.kube, 'alice', { heartbeat: { timeoutSeconds: 10 } });
    if (more.lease ?? true) bench.cached.set('alice', beat(bench));
    await bench.look();
    await bench.clock.advance(5_000);
    await bench.look();
    await bench.clock.advance(5_000);
    return bench;
  };
  const beat = ({ kube }: Bench): string | undefined =>
    kube.put<Lease>(LEASES, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { ...ALICE }, spec: {} })
      .metadata.resourceVersion;
  const isExpired = async ({ look }: SetUp): Promise<boolean | undefined> => (await look()).sessions[0]?.expired;

  it('has expired', async () => assert.equal(await isExpired(await silent()), true));

  it('has expired although it never had a Lease', async () =>
    assert.equal(await isExpired(await silent({ lease: false })), true));

  it('lives when the Lease itself has changed: the cache may be behind', async () => {
    const bench = await silent();
    beat(bench);
    assert.equal(await isExpired(bench), false);
  });

  it('has expired also when the cache does not have its Lease, which somebody made without our label', async () => {
    const bench = await silent({ lease: false });
    beat(bench);
    const lives: (boolean | undefined)[] = [];
    for (let looks = 0; looks < 5; looks += 1) {
      lives.push(!(await isExpired(bench)));
      await bench.clock.advance(5_000);
    }
    assert.deepEqual(lives, [true, true, false, false, false]);
    beat(bench);
    assert.equal(await isExpired(bench), false);
  });

  it('lives when the Lease cannot be read', async () => {
    const bench = await silent();
    bench.kube.fail('get leases', refusal(403, 'Forbidden', 'not allowed'));
    await assert.rejects(bench.look(), { code: 'PermissionDenied' });
  });

  it('is not judged by the clock on the wall', async () => {
    const bench = setUp();
    putSession(bench.kube, 'alice', { heartbeat: { timeoutSeconds: 10 } });
    bench.cached.set('alice', beat(bench));
    await bench.look();
    bench.clock.jump(3_600_000);
    assert.equal(await isExpired(bench), false);
  });
});
