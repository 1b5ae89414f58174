// What emulators cannot play: an account with the permissions of mirrord's guide and no more. The real calls are in test/brokers/sqs-admin.test.ts.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { LedgerEntry } from '../../../../../api/kinds/workload-split.ts';
import type { SqsClients } from '../../../../../common/sqs/client.ts';
import { createSqsAdmin } from '../../../../../controller/brokers/sqs/admin.ts';
import { ownerTags } from '../../../../../controller/brokers/sqs/clone.ts';
import { silentLog } from '../../../common/silent-log.ts';
import { sqsQueue } from '../../bench.ts';

const OWNER = { clusterUid: 'cluster-uid', splitUid: 'split-uid' };
const TEMPORARY = 'mirrord-1-fallback-orders';
const ENTRY: LedgerEntry = { kind: 'SqsQueue', name: TEMPORARY, role: 'fallback', queue: 'orders', state: 'Planned' };
const REQUEST = {
  entry: ENTRY,
  original: { name: 'orders', url: 'https://sqs/1/orders' },
  connection: {},
  owner: OWNER,
  tags: {},
};

type Input = Record<string, unknown>;
type Answers = Record<string, (input: Input) => unknown>;

const awsError = (name: string): Error => Object.assign(new Error(`${name} from SQS`), { name });
const denied = (): never => {
  throw awsError('AccessDenied');
};
const missing = (): never => {
  throw awsError('QueueDoesNotExist');
};

const DEAD_LETTERS = 'arn:aws:sqs:eu-west-1:1:dead';

/** A queue `orders`, and nothing of ours. */
const ORIGINAL: Answers = {
  GetQueueUrl: missing,
  GetQueueAttributes: () => ({ Attributes: { QueueArn: 'arn:aws:sqs:eu-west-1:1:orders', VisibilityTimeout: '30' } }),
  ListQueueTags: () => ({ Tags: { team: 'shop' } }),
  CreateQueue: ({ QueueName }) => ({ QueueUrl: `https://sqs/1/${QueueName}` }),
  DeleteQueue: () => ({}),
};

function setUp(answers: Answers = {}) {
  const calls: string[] = [];
  const inputs: Input[] = [];
  const client = {
    send: async (command: { constructor: { name: string }; input: Input }) => {
      const name = command.constructor.name.replace(/Command$/, '');
      calls.push(name);
      inputs.push(command.input);
      return ({ ...ORIGINAL, ...answers }[name] ?? assert.fail(name))(command.input);
    },
  } as unknown as SQSClient;
  const clients: SqsClients = { for: () => client, close: () => undefined };
  const log = silentLog();
  return { admin: createSqsAdmin(clients, log), calls, inputs, log };
}

describe('with the permissions of the guide', () => {
  it('a queue is made although nobody may ask whether it is there', async () => {
    const { admin, calls } = setUp({ GetQueueUrl: denied });
    assert.deepEqual(await admin.create(REQUEST), { url: `https://sqs/1/${TEMPORARY}` });
    assert.equal(calls.at(-1), 'CreateQueue');
  });

  it('a queue of the ledger is deleted although its tags may not be read, and that is said once', async () => {
    const { admin, calls, log } = setUp({ ListQueueTags: denied });
    for (const name of [TEMPORARY, 'mirrord-2-orders']) {
      await admin.delete({ ...ENTRY, name, url: `https://sqs/1/${name}` }, {}, OWNER);
    }
    assert.deepEqual(calls, ['ListQueueTags', 'DeleteQueue', 'ListQueueTags', 'DeleteQueue']);
    assert.deepEqual(
      log.entries.map(({ level }) => level),
      ['warn', 'debug'],
    );
  });

  it('what may not be deleted is an error that names call and queue', async () => {
    const { admin } = setUp({ ListQueueTags: () => ({ Tags: ownerTags(OWNER) }), DeleteQueue: denied });
    await assert.rejects(admin.delete({ ...ENTRY, url: 'https://sqs/1/q' }, {}, OWNER), {
      code: 'PermissionDenied',
      message: new RegExp(`DeleteQueue.*${TEMPORARY}|${TEMPORARY}.*DeleteQueue`),
    });
  });
});

describe('a dead-letter queue', () => {
  const redrive = (answers: Answers): ReturnType<typeof setUp> =>
    setUp({
      GetQueueUrl: ({ QueueName }) => (QueueName === 'dead' ? { QueueUrl: 'https://sqs/1/dead' } : missing()),
      GetQueueAttributes: ({ QueueUrl }) =>
        QueueUrl === 'https://sqs/1/dead'
          ? denied()
          : {
              Attributes: { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: DEAD_LETTERS, maxReceiveCount: 3 }) },
            },
      ...answers,
    });
  const policyOf = (inputs: Input[]): unknown =>
    (inputs.at(-1)?.['Attributes'] as Input | undefined)?.['RedrivePolicy'];

  it('that nobody may look at is tried, and left out when SQS refuses it', async () => {
    let tries = 0;
    const { admin, inputs, log } = redrive({
      CreateQueue: ({ QueueName }) => {
        tries += 1;
        if (tries === 1) throw awsError('InvalidParameterValue');
        return { QueueUrl: `https://sqs/1/${QueueName}` };
      },
    });
    await admin.create(REQUEST);
    assert.deepEqual([tries, policyOf(inputs)], [2, undefined]);
    assert.match(String(log.entries.at(-1)?.message), /made without dead-letter queue/);
  });

  it('is kept where SQS takes it', async () => {
    const { admin, inputs } = redrive({});
    await admin.create(REQUEST);
    assert.match(String(policyOf(inputs)), /dead/);
  });

  it('is never left out because of another refusal', async () => {
    const { admin } = redrive({ CreateQueue: denied });
    await assert.rejects(admin.create(REQUEST), { code: 'PermissionDenied' });
  });
});

describe('a queue that is not ours', () => {
  const foreign: Answers = {
    GetQueueUrl: () => ({ QueueUrl: `https://sqs/1/${TEMPORARY}` }),
    ListQueueTags: () => ({ Tags: ownerTags({ ...OWNER, splitUid: 'another' }) }),
  };

  it('is neither taken over nor deleted', async () => {
    const { admin, calls } = setUp(foreign);
    await assert.rejects(admin.create(REQUEST), { code: 'ForeignQueue' });
    await assert.rejects(admin.delete(ENTRY, {}, OWNER), { code: 'ForeignQueue' });
    assert.ok(!calls.includes('DeleteQueue') && !calls.includes('CreateQueue'));
  });

  it('is ours again after a crash between its creation and the ledger', async () => {
    const { admin, calls } = setUp({ ...foreign, ListQueueTags: () => ({ Tags: ownerTags(OWNER) }) });
    assert.deepEqual(await admin.create(REQUEST), { url: `https://sqs/1/${TEMPORARY}` });
    assert.ok(!calls.includes('CreateQueue'));
  });
});

describe('what is left to read', () => {
  it('is nothing in a queue that was never made, or is gone', async () => {
    const { admin } = setUp({ GetQueueAttributes: missing });
    assert.equal(await admin.remaining(sqsQueue('orders', { fallback: { name: TEMPORARY } })), 0);
    assert.equal(await admin.remaining(sqsQueue('orders')), 0);
  });

  it('counts messages that wait, are delayed, or are in hand', async () => {
    const { admin } = setUp({
      GetQueueAttributes: () => ({
        Attributes: {
          ApproximateNumberOfMessages: '2',
          ApproximateNumberOfMessagesDelayed: '3',
          ApproximateNumberOfMessagesNotVisible: '4',
        },
      }),
    });
    assert.equal(await admin.remaining(sqsQueue('orders')), 9);
  });

  it('is an error when SQS does not say', async () => {
    const { admin } = setUp({ GetQueueAttributes: denied });
    await assert.rejects(admin.remaining(sqsQueue('orders')), { code: 'PermissionDenied' });
  });
});
