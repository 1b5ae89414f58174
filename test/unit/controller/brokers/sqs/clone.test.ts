// What a temporary queue takes over from its original, and what not.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CLUSTER_TAG, ORIGINAL_TAG, SPLIT_TAG } from '../../../../../api/constants.ts';
import {
  admitsAnySource,
  cloneAttributes,
  clonePolicy,
  cloneTags,
  deadLetterArn,
  isOwnedBy,
  MAX_TAGS,
} from '../../../../../controller/brokers/sqs/clone.ts';

const ARN = 'arn:aws:sqs:eu-central-1:123456789012:orders';
const COPY = 'arn:aws:sqs:eu-central-1:123456789012:mirrord-1-orders';
const OWNER = { clusterUid: 'c', splitUid: 's' };
const REDRIVE = JSON.stringify({ deadLetterTargetArn: `${ARN}-dead`, maxReceiveCount: 5 });

describe('cloneAttributes', () => {
  const original = {
    QueueArn: ARN,
    VisibilityTimeout: '45',
    MaximumMessageSize: '262144',
    MessageRetentionPeriod: '1209600',
    ReceiveMessageWaitTimeSeconds: '20',
    DelaySeconds: '90',
    ApproximateNumberOfMessages: '7',
    CreatedTimestamp: '1',
    RedriveAllowPolicy: '{"redrivePermission":"denyAll"}',
    SqsManagedSseEnabled: 'true',
    RedrivePolicy: REDRIVE,
  };

  it('copies settings, never the delay, counts or who may use it as a dead-letter queue', () => {
    assert.deepEqual(cloneAttributes(original, 'mirrord-1-orders', true), {
      DelaySeconds: '0',
      VisibilityTimeout: '45',
      MaximumMessageSize: '262144',
      MessageRetentionPeriod: '1209600',
      ReceiveMessageWaitTimeSeconds: '20',
      SqsManagedSseEnabled: 'true',
      RedrivePolicy: REDRIVE,
    });
  });

  it('leaves the dead-letter queue out where that is not allowed', () => {
    assert.equal(cloneAttributes(original, 'mirrord-1-orders', false)['RedrivePolicy'], undefined);
  });

  it('takes the customer’s key and then not the managed encryption', () => {
    const clone = cloneAttributes(
      { ...original, KmsMasterKeyId: 'alias/k', KmsDataKeyReusePeriodSeconds: '300', SqsManagedSseEnabled: 'false' },
      'x',
      false,
    );
    assert.equal(clone['KmsMasterKeyId'], 'alias/k');
    assert.equal(clone['KmsDataKeyReusePeriodSeconds'], '300');
    assert.equal(clone['SqsManagedSseEnabled'], undefined);
  });
});

describe('clonePolicy', () => {
  it('puts the new ARN in the place of the old one, in resources only', () => {
    const policy = {
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Resource: ARN, Condition: { ArnEquals: { 'aws:SourceArn': ARN } } },
        { Effect: 'Deny', NotResource: [ARN, `${ARN}-dead`] },
      ],
    };
    assert.deepEqual(JSON.parse(clonePolicy(JSON.stringify(policy), ARN, 'mirrord-1-orders') ?? ''), {
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Resource: COPY, Condition: { ArnEquals: { 'aws:SourceArn': ARN } } },
        { Effect: 'Deny', NotResource: [COPY, `${ARN}-dead`] },
      ],
    });
  });

  it('bears a single statement and no policy at all', () => {
    const policy = JSON.stringify({ Statement: { Resource: ARN } });
    assert.deepEqual(JSON.parse(clonePolicy(policy, ARN, 'mirrord-1-orders') ?? ''), {
      Statement: [{ Resource: COPY }],
    });
    assert.equal(clonePolicy(undefined, ARN, 'x'), undefined);
    assert.equal(clonePolicy('', ARN, 'x'), undefined);
  });
});

describe('dead-letter queues', () => {
  it('admit another source unless their policy names sources', () => {
    assert.equal(admitsAnySource(undefined), true);
    assert.equal(admitsAnySource('{"redrivePermission":"allowAll"}'), true);
    assert.equal(admitsAnySource('{"redrivePermission":"byQueue","sourceQueueArns":[]}'), false);
    assert.equal(admitsAnySource('{"redrivePermission":"denyAll"}'), false);
  });

  it('are named by the redrive policy', () => {
    assert.equal(deadLetterArn(REDRIVE), `${ARN}-dead`);
    assert.equal(deadLetterArn(undefined), undefined);
  });
});

describe('cloneTags', () => {
  it('lets the registry win over the original and our marks over both, and leaves AWS’s own out', () => {
    const tags = cloneTags(
      { team: 'shop', env: 'prod', 'aws:cloudformation:stack-id': 'x', [SPLIT_TAG]: 'forged' },
      { env: 'dev', [CLUSTER_TAG]: 'forged' },
      OWNER,
      'https://sqs/orders',
    );
    const marks = { [CLUSTER_TAG]: 'c', [SPLIT_TAG]: 's', [ORIGINAL_TAG]: 'https://sqs/orders' };
    assert.deepEqual(tags, { team: 'shop', env: 'dev', ...marks });
    assert.equal(isOwnedBy(tags, OWNER), true);
    assert.equal(isOwnedBy(tags, { ...OWNER, splitUid: 'another' }), false);
    assert.equal(isOwnedBy({}, OWNER), false);
  });

  it('never has more tags than SQS takes', () => {
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`t${index}`, 'x']));
    const tags = cloneTags(many, { own: 'y' }, OWNER, 'https://sqs/orders');
    assert.equal(Object.keys(tags).length, MAX_TAGS);
    assert.equal(tags['own'], 'y');
    assert.equal(isOwnedBy(tags, OWNER), true);
  });
});
