import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ADOPTED_ANNOTATION } from '../../../../api/constants.ts';
import { type SplitSession, splitSessionSpec } from '../../../../api/kinds/split-session.ts';
import { type SqsSession, sqsSessionSpec, sqsSessionStatus } from '../../../../api/kinds/sqs-session.ts';
import {
  belongTogether,
  isShowable,
  toSplitSession,
  toSqsSession,
  toSqsStatus,
} from '../../../../controller/compat/sqs-session.ts';
import { TARGET } from '../bench.ts';

const SESSION: SplitSession = {
  apiVersion: 'queuesplitter.dev/v1alpha1',
  kind: 'SplitSession',
  metadata: { name: 'alice', namespace: 'shop', uid: 'alice-uid', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: {
    target: { ...TARGET, container: 'app' },
    queues: [
      { id: 'orders', kind: 'SQS', filter: { tenant: '^alice$' }, mode: 'steal' },
      { id: 'views', kind: 'Kafka', filter: {}, mode: 'steal' },
    ],
  },
};

const withStatus = (status: SplitSession['status']): SplitSession => ({ ...SESSION, status }) as SplitSession;
const said = (session: SplitSession) =>
  sqsSessionStatus.parse(
    Object.fromEntries(Object.entries(toSqsStatus(session)).filter(([, value]) => value !== null)),
  );

describe('a session in the words of mirrord', () => {
  it('has the SQS queues only, and an id that fits its schema', () => {
    const { spec } = toSqsSession(SESSION);
    assert.deepEqual(sqsSessionSpec.parse(spec), spec);
    assert.deepEqual(spec.queueFilters, { orders: { tenant: '^alice$' } });
    assert.deepEqual(spec.queueConsumer, { name: 'orders-worker', workloadType: 'Deployment', container: 'app' });
  });

  it('belongs to this very session, not to another one of its name', () => {
    const shown = toSqsSession(SESSION);
    assert.equal(belongTogether(SESSION, shown), true);
    assert.equal(belongTogether({ ...SESSION, metadata: { ...SESSION.metadata, uid: 'second' } }, shown), false);
  });

  it('is Ready with the name of each queue, several of one id told apart, and every variable', () => {
    const place = (id: string, name: string, own: string, kind: 'SQS' | 'Kafka' = 'SQS') => ({
      id,
      kind,
      original: `https://sqs/1/${name}`,
      session: `https://sqs/1/${own}`,
    });
    const status = said(
      withStatus({
        phase: 'Ready',
        readyAt: 'now',
        queues: [
          place('orders', 'orders-a', 'mirrord-1-orders-a'),
          place('orders', 'orders-b', 'mirrord-2-orders-b'),
          place('ads', 'ads', 'mirrord-3-ads'),
          place('views', 'views', 'mirrord-4-views', 'Kafka'),
        ],
        environment: [
          { container: 'app', variable: 'ADS_URL', value: 'https://sqs/1/mirrord-3-ads' },
          { container: 'app', variable: 'VIEWS', value: 'mirrord-4-views' },
        ],
      }),
    );
    assert.deepEqual(status.Ready, {
      queueNames: {
        'orders::orders-a': { originalName: 'orders-a', outputName: 'mirrord-1-orders-a' },
        'orders::orders-b': { originalName: 'orders-b', outputName: 'mirrord-2-orders-b' },
        ads: { originalName: 'ads', outputName: 'mirrord-3-ads' },
      },
      envUpdates: { ADS_URL: { originalName: 'ads', outputName: 'https://sqs/1/mirrord-3-ads' } },
    });
  });

  it('takes every other field away when one is set', () => {
    for (const status of [{}, { phase: 'Ready', readyAt: 'now' }, { phase: 'Failed', reason: 'Internal' }] as const) {
      const values = Object.values(toSqsStatus(withStatus(status)));
      assert.deepEqual([values.length, values.filter((value) => value !== null).length], [5, 1]);
    }
  });
});

describe('an object of a user as a session', () => {
  const object = (queueConsumer: SqsSession['spec']['queueConsumer']): SqsSession => ({
    apiVersion: 'queues.mirrord.metalbear.co/v1alpha',
    kind: 'MirrordSqsSession',
    metadata: { name: 'by-hand', namespace: 'shop', uid: 'hand-uid' },
    spec: { sessionId: 'A1', queueConsumer, queueFilters: { '*': { tenant: 'x' } } },
  });

  it('keeps target, container and filters, and remembers where it came from', () => {
    const shown = object({ name: 'orders-worker', workloadType: 'Deployment', container: 'app' });
    const session = toSplitSession(shown);
    assert.deepEqual(splitSessionSpec.parse(session.spec), session.spec);
    assert.deepEqual(session.spec.target, { ...TARGET, container: 'app' });
    assert.deepEqual(session.spec.queues, [{ id: '*', kind: 'SQS', filter: { tenant: 'x' }, mode: 'steal' }]);
    assert.equal(session.metadata.annotations?.[ADOPTED_ANNOTATION], 'hand-uid');
    assert.equal(belongTogether(session, shown), true);
    assert.equal(belongTogether(session, { ...shown, metadata: { ...shown.metadata, uid: 'later' } }), false);
  });

  it('knows Rollouts', () => {
    const { target } = toSplitSession(object({ name: 'r', workloadType: 'Rollout' })).spec;
    assert.deepEqual(target, { apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', name: 'r' });
  });

  it('never takes a StatefulSet for the Deployment of its name', () => {
    const { target } = toSplitSession(object({ name: 's', workloadType: 'StatefulSet' })).spec;
    assert.deepEqual(target, { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 's' });
  });
});

it('what mirrord has no word for is not shown', () => {
  assert.equal(isShowable(SESSION), true);
  const stateful = { ...SESSION.spec.target, kind: 'StatefulSet' as const };
  assert.equal(isShowable({ ...SESSION, spec: { ...SESSION.spec, target: stateful } }), false);
  assert.equal(isShowable({ ...SESSION, spec: { ...SESSION.spec, queues: SESSION.spec.queues.slice(1) } }), false);
});
