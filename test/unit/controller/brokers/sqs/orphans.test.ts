// The search for temporary SQS queues without an owner, where not every queue may be asked. What it finds and moves is tested with an emulator.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { CLUSTER_TAG, SPLIT_TAG } from '../../../../../api/constants.ts';
import { findQueues } from '../../../../../controller/brokers/sqs/orphans.ts';
import { silentLog } from '../../../common/silent-log.ts';
import { FakeSqs } from '../../../common/sqs/fake-sqs.ts';

const urlOf = (name: string) => `http://sqs/1/${name}`;

function setUp(refusal: string) {
  const sqs = new FakeSqs();
  sqs.reply = (action, { QueueUrl }) => {
    if (action === 'ListQueues') return { QueueUrls: ['mirrord-foreign', 'mirrord-ours'].map(urlOf) };
    if (QueueUrl === urlOf('mirrord-foreign')) throw Object.assign(new Error('no'), { name: refusal });
    return { Tags: { [CLUSTER_TAG]: 'cluster', [SPLIT_TAG]: 'split' } };
  };
  const log = silentLog();
  const clients = { for: () => sqs.client, close: () => undefined };
  return { log, find: () => findQueues(clients, {}, 'cluster', new Set(), log) };
}

it('a queue whose tags may not be read is skipped, and said', async () => {
  const { log, find } = setUp('AccessDenied');
  const found = await find();
  assert.deepEqual(
    found.map(({ name }) => name),
    ['mirrord-ours'],
  );
  assert.match(String(log.entries[0]?.message), /mirrord-foreign.*sqs:ListQueueTags/);
});

it('any other failure ends the search: what is not known is not skipped', async () => {
  const { find } = setUp('InternalError');
  await assert.rejects(find);
});
