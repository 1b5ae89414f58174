import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NAMESPACES, WEBHOOK_CONFIGURATIONS, WORKLOAD_SPLITS } from '../../../../common/kube/resources.ts';
import type { WebhookEntry } from '../../../../controller/webhook-entries/entry.ts';
import { createRegistration } from '../../../../controller/webhook-entries/registration.ts';
import { CLUSTER_UID, createBench, OPERATOR, putSplit } from '../bench.ts';
import type { FakeKube } from '../fake-kube.ts';

const NAME = { name: 'queue-splitter' };
const ENVIRONMENT = [{ container: 'app', variable: 'ORDERS_QUEUE', value: 'f', original: 'orders', origin: '' }];
const ACTIVE = { phase: 'Patching', environmentRevision: 2, environment: ENVIRONMENT } as const;

type Configuration = {
  metadata: { name: string; uid: string; resourceVersion: string; ownerReferences?: object[] };
  webhooks: WebhookEntry[];
};

function setUp() {
  const { kube } = createBench();
  kube.put(NAMESPACES, { metadata: { name: OPERATOR, uid: 'operator-uid' } });
  kube.put(WEBHOOK_CONFIGURATIONS, { metadata: NAME, webhooks: [] });
  const authority = { bundle: 'PEM' };
  const registration = createRegistration({
    client: kube,
    clusterUid: CLUSTER_UID,
    service: { name: 'webhook', namespace: OPERATOR, port: 443 },
    caBundle: async () => authority.bundle,
    prove: async () => undefined,
  });
  return { kube, registration, authority };
}

function configuration(kube: FakeKube): Configuration {
  const found = kube.peek<Configuration>(WEBHOOK_CONFIGURATIONS, NAME);
  assert.ok(found);
  return found;
}

function wipe(kube: FakeKube): void {
  kube.put(WEBHOOK_CONFIGURATIONS, { ...configuration(kube), webhooks: [] });
}

describe('the webhook configuration', () => {
  it('holds exactly the entries of the splits that patch, and belongs to the operator namespace', async () => {
    const { kube, registration } = setUp();
    const split = putSplit(kube, ACTIVE);
    await registration.sync();
    assert.equal(await registration.isRegistered(split), true);
    assert.deepEqual(configuration(kube).metadata.ownerReferences, [
      { apiVersion: 'v1', kind: 'Namespace', name: OPERATOR, uid: 'operator-uid' },
    ]);
    putSplit(kube, { ...ACTIVE, phase: 'Restoring' });
    await registration.sync();
    assert.deepEqual(configuration(kube).webhooks, []);
  });

  it('is not written by a controller that read it before somebody else wrote', async () => {
    const { kube, registration } = setUp();
    putSplit(kube, ACTIVE);
    kube.before('apply mutatingwebhookconfigurations', () =>
      kube.put(WEBHOOK_CONFIGURATIONS, { metadata: NAME, webhooks: [] }),
    );
    await assert.rejects(registration.sync(), { code: 'Conflict' });
    assert.deepEqual(configuration(kube).webhooks, []);
  });

  it('is not created again when it was deleted in between', async () => {
    const { kube, registration } = setUp();
    putSplit(kube, ACTIVE);
    kube.before('apply mutatingwebhookconfigurations', () => kube.remove(WEBHOOK_CONFIGURATIONS, NAME));
    await assert.rejects(registration.sync(), { code: 'Conflict' });
    assert.equal(kube.peek(WEBHOOK_CONFIGURATIONS, NAME), undefined);
  });

  it('is written by one call after the other, and a failure does not stop the next', async () => {
    const { kube, registration } = setUp();
    const split = putSplit(kube, ACTIVE);
    kube.before('apply mutatingwebhookconfigurations', () => wipe(kube));
    const [first, second] = await Promise.allSettled([registration.sync(), registration.sync()]);
    assert.deepEqual([first?.status, second?.status], ['rejected', 'fulfilled']);
    assert.equal(await registration.isRegistered(split), true);
  });

  it('is repaired after helm upgrade --force has wiped it, and left alone otherwise', async () => {
    const { kube, registration } = setUp();
    const split = putSplit(kube, ACTIVE);
    await registration.sync();
    assert.equal(await registration.repair(), false);
    wipe(kube);
    assert.equal(await registration.isRegistered(split), false);
    assert.equal(await registration.repair(), true);
    assert.equal(await registration.isRegistered(split), true);
  });

  it('loses the entries of splits that are gone when it is repaired', async () => {
    const { kube, registration } = setUp();
    const { metadata } = putSplit(kube, ACTIVE);
    await registration.sync();
    kube.remove(WORKLOAD_SPLITS, metadata);
    assert.equal(await registration.repair(), true);
    assert.deepEqual(configuration(kube).webhooks, []);
  });

  it('says what to do when the chart does not bring it', async () => {
    const { kube, registration } = setUp();
    kube.remove(WEBHOOK_CONFIGURATIONS, NAME);
    await assert.rejects(registration.sync(), { code: 'WebhookUnreachable', retryable: true, message: /helm upgrade/ });
  });
});

describe('more splits than fit', () => {
  const split = (kube: FakeKube, index: number) => putSplit(kube, ACTIVE, `deployment-${index}`);

  it('leave the newest without an entry, with a sentence, and every other as it is', async () => {
    const { kube, registration } = setUp();
    const splits = Array.from({ length: 500 }, (_, index) => split(kube, index));
    assert.equal(await registration.noRoom(splits[0]), undefined);
    await registration.sync();
    const newest = split(kube, 500);
    await registration.sync();
    assert.equal(configuration(kube).webhooks.length, 500);
    assert.match((await registration.noRoom(newest)) ?? '', /^500 targets of this cluster are split/);
    assert.match((await registration.noRoom(undefined)) ?? '', /wait until the sessions of another target have ended/);
    assert.equal(await registration.isRegistered(newest), false);
    for (const older of splits.slice(-3)) assert.equal(await registration.isRegistered(older), true);
    assert.equal(await registration.repair(), false);
  });

  it('get theirs when another split has ended', async () => {
    const { kube, registration } = setUp();
    const splits = Array.from({ length: 501 }, (_, index) => split(kube, index));
    await registration.sync();
    const left = splits.filter(
      ({ metadata }) => !configuration(kube).webhooks.some(({ name }) => name.startsWith(`${metadata.uid}.`)),
    );
    assert.equal(left.length, 1);
    const ended = splits.find((one) => one !== left[0]);
    kube.remove(WORKLOAD_SPLITS, { name: ended?.metadata.name ?? '', namespace: 'shop' });
    assert.equal(await registration.noRoom(left[0]), undefined);
    await registration.sync();
    assert.equal(await registration.isRegistered(left[0] ?? assert.fail()), true);
  });
});

describe('isRegistered', () => {
  it('wants the current revision and certificates while pods must be patched', async () => {
    const { kube, registration, authority } = setUp();
    const split = putSplit(kube, ACTIVE);
    await registration.sync();
    assert.equal(await registration.isRegistered({ ...split, spec: { ...split.spec, environmentRevision: 3 } }), false);
    authority.bundle = 'NEW PEM';
    assert.equal(await registration.isRegistered(split), false);
  });

  it('sees an entry of any revision that must go', async () => {
    const { kube, registration } = setUp();
    const split = putSplit(kube, ACTIVE);
    await registration.sync();
    const over = { ...split, spec: { ...split.spec, phase: 'Abandoned' as const, environmentRevision: 3 } };
    assert.equal(await registration.isRegistered(over), true);
  });
});
