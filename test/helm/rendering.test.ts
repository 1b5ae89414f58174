// What the chart renders: the same with Helm 3 and 4, the same twice, whole and without doubles; and what the switches take away.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EVERYTHING, type Manifest, NAMESPACE, named, ofKind, render, renderText, type Values } from './chart.ts';

const CLUSTER_KINDS = new Set([
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'MutatingWebhookConfiguration',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
]);

const identity = ({ kind, metadata }: Manifest): string => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
const sorted = (manifests: Manifest[]): Manifest[] =>
  manifests.toSorted((one, other) => identity(one).localeCompare(identity(other)));

describe('rendering', () => {
  for (const [what, values] of [
    ['the defaults', {}],
    ['everything switched on', EVERYTHING],
  ] as const) {
    it(`gives the same objects with Helm 3 and Helm 4: ${what}`, async () => {
      assert.deepEqual(sorted(await render(values, 3)), sorted(await render(values, 4)));
    });
  }

  it('gives the same text twice, so that GitOps tools see no drift', async () => {
    assert.equal(await renderText(EVERYTHING), await renderText(EVERYTHING));
  });

  it('names no object twice, and puts every namespaced one into the release namespace', async () => {
    const manifests = await render(EVERYTHING);
    const names = manifests.map(identity);
    assert.deepEqual(names, [...new Set(names)]);
    for (const manifest of manifests) {
      const expected = CLUSTER_KINDS.has(manifest.kind) ? undefined : NAMESPACE;
      assert.equal(manifest.metadata.namespace, expected, identity(manifest));
    }
  });

  it('labels every object but the definitions', async () => {
    for (const manifest of await render(EVERYTHING)) {
      if (manifest.kind === 'CustomResourceDefinition') continue;
      assert.equal(manifest.metadata.labels?.['app.kubernetes.io/name'], 'queue-splitter', identity(manifest));
      assert.ok(manifest.metadata.labels?.['app.kubernetes.io/component'], identity(manifest));
    }
  });

  it('owns the webhook configuration and no entry of it', async () => {
    assert.deepEqual(named(await render(), 'MutatingWebhookConfiguration', 'queue-splitter')['webhooks'], []);
  });

  it('says nothing about the content of the CA Secret, so that an upgrade keeps what the controller wrote', async () => {
    const secret = named(await render(), 'Secret', 'queue-splitter-webhook-ca');
    assert.equal('data' in secret || 'stringData' in secret, false);
  });

  it('keeps every definition when the chart goes, because deleting it would delete what users wrote', async () => {
    const definitions = ofKind(await render(), 'CustomResourceDefinition');
    assert.equal(definitions.length, 6);
    for (const { metadata } of definitions) assert.equal(metadata.annotations?.['helm.sh/resource-policy'], 'keep');
  });

  const definitionsWith = async (values: Values) =>
    ofKind(await render(values), 'CustomResourceDefinition')
      .map(({ metadata }) => metadata.name.split('.')[0])
      .toSorted();

  it('brings the definitions that the switches ask for', async () => {
    const own = ['splitsessions', 'workloadsplits'];
    const sqs = ['mirrordsqssessions', 'mirrordworkloadqueueregistries'];
    const kafka = ['mirrordkafkaclientconfigs', 'mirrordkafkatopicsconsumers'];
    assert.deepEqual(await definitionsWith({}), [...own, ...sqs, ...kafka].toSorted());
    assert.deepEqual(await definitionsWith({ operator: { sqsSplitting: false } }), [...own, ...kafka].toSorted());
    assert.deepEqual(await definitionsWith({ operator: { kafkaSplitting: false } }), [...own, ...sqs].toSorted());
    assert.deepEqual(await definitionsWith({ crds: { install: false } }), []);
  });

  it('gives the IAM role to the processes that talk to brokers, and to no other', async () => {
    const roleArn = 'arn:aws:iam::000000000000:role/queues';
    const accounts = ofKind(await render({ sa: { roleArn } }), 'ServiceAccount');
    const withRole = accounts.filter(
      ({ metadata }) => metadata.annotations?.['eks.amazonaws.com/role-arn'] === roleArn,
    );
    assert.deepEqual(withRole.map(({ metadata }) => metadata.name).toSorted(), [
      'queue-splitter-controller',
      'queue-splitter-forwarder',
    ]);
  });

  it('runs the clean-up before anything is deleted, as a hook with everything it needs', async () => {
    const hooks = (await render()).filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] !== undefined);
    assert.deepEqual(hooks.map(({ kind }) => kind).toSorted(), [
      'ClusterRole',
      'ClusterRoleBinding',
      'Job',
      'Role',
      'RoleBinding',
      'ServiceAccount',
    ]);
    for (const { metadata } of hooks) assert.equal(metadata.annotations?.['helm.sh/hook'], 'pre-delete');
  });
});
