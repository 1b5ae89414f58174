import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SourcePartition } from '../../../../sidecar/kafka/partition.ts';

it('is held until every holder has let go', () => {
  const partition = new SourcePartition(0, { begin: 5n, committed: 5n });
  partition.hold('a');
  partition.hold('b');
  partition.hold('a');
  partition.release('a');
  assert.equal(partition.isActive(0), false);
  partition.release('b');
  assert.equal(partition.isActive(0), true);
});

it('is blocked longer each time, up to the limit', () => {
  const partition = new SourcePartition(0, { begin: 0n, committed: 0n });
  const pauses = [0, 0, 0, 0].map(() => {
    partition.block(1000, 50, 150);
    return partition.blockedUntil - 1000;
  });
  assert.deepEqual(pauses, [50, 100, 150, 150]);
  assert.equal(partition.isActive(1149), false);
  assert.equal(partition.isActive(1150), true);
});

it('goes back to what the group has, or to where it began when the group never committed', () => {
  const partition = new SourcePartition(0, { begin: 7n, committed: undefined });
  partition.position = 20n;
  partition.rewind(undefined);
  assert.equal(partition.position, 7n);
  partition.rewind(12n);
  assert.equal(partition.position, 12n);
  assert.equal(partition.committed, 12n);
});
