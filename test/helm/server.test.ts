// The chart on a real API server: it is accepted, its admission policies hold against everybody, and an upgrade keeps what the controller
// wrote. Its processes do not run here; that is the cluster suite's business.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { WorkloadSplit } from '../../api/kinds/workload-split.ts';
import { entriesFor } from '../../controller/webhook-entries/entry.ts';
import { type Cluster, startCluster } from '../testbed/cluster.ts';
import { CommandError } from '../testbed/commands.ts';
import { clusterFromKubeconfig } from '../testbed/external-cluster.ts';
import { waitFor } from '../testbed/wait.ts';
import { CHART } from './chart.ts';

const KUBECONFIG = process.env['QUEUE_SPLITTER_KUBECONFIG'];
const OPERATOR = 'queue-splitter';
const SHOP = 'chart-test-shop';
const account = (process: string): string => `--as=system:serviceaccount:${OPERATOR}:queue-splitter-${process}`;
const CONTROLLER = account('controller');

const SPLIT = {
  apiVersion: 'queuesplitter.dev/v1alpha1',
  kind: 'WorkloadSplit',
  metadata: { name: 'deployment-orders', namespace: SHOP, uid: '00000000-0000-4000-8000-000000000001' },
  spec: {
    target: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      name: 'orders',
      uid: 'u',
      selector: { matchLabels: { app: 'orders' } },
    },
    incarnation: { clusterUid: 'cluster', selfUid: '00000000-0000-4000-8000-000000000001' },
    phase: 'Patching',
    revision: 1,
    environmentRevision: 1,
    environment: [{ container: 'app', variable: 'QUEUE', value: 'b', original: 'a', origin: 'the pod template' }],
    queues: [],
    resources: [],
    phaseSince: '2026-01-01T00:00:00Z',
    settings: { ttlSeconds: 0, restartTimeoutSeconds: 60 },
  },
} satisfies WorkloadSplit;

const SERVICE = { name: 'queue-splitter-webhook', namespace: OPERATOR, port: 443 };

let cluster: Cluster;

async function installChart(version: 3 | 4, ...more: string[]): Promise<void> {
  const where = ['--namespace', OPERATOR, '--create-namespace', '--set', 'networkPolicy.enabled=true'];
  await cluster.helm(['upgrade', '--install', 'queue-splitter', CHART, ...where, ...more], { version });
}

/** What the API server says when it refuses; fails when it does not. */
async function refusal(args: readonly string[], object: object): Promise<string> {
  try {
    await cluster.kubectl(args, { input: JSON.stringify(object) });
  } catch (error) {
    if (error instanceof CommandError) return error.result.stderr;
    throw error;
  }
  return assert.fail(`accepted: ${args.join(' ')}`);
}

const createSplit = ['create', '-f', '-'];
const patchSplit = (patch: object, ...more: string[]): string[] => [
  ...['patch', 'workloadsplit', SPLIT.metadata.name, '-n', SHOP, '--type=merge', '-p', JSON.stringify(patch)],
  ...more,
];

type Entry = ReturnType<typeof entriesFor>[number];

function configuration(change: (entry: Entry) => unknown = (entry) => entry): object {
  const [entry] = entriesFor([SPLIT], 'cluster', SERVICE, Buffer.from('ca').toString('base64'));
  assert.ok(entry);
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: 'queue-splitter' },
    webhooks: [change(entry)],
  };
}

const APPLY = ['apply', '--server-side', '--force-conflicts', '--field-manager=queue-splitter-controller', '-f', '-'];

before(async () => {
  cluster = KUBECONFIG === undefined ? await startCluster({ name: 'chart' }) : await clusterFromKubeconfig(KUBECONFIG);
  await cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: SHOP } }]);
  await installChart(3, '--dry-run=server');
  await installChart(4, '--dry-run=server');
  await installChart(3);
  // A policy holds a moment after it was accepted.
  await waitFor(
    'the policies to hold',
    async () => (await refusal([...createSplit, '--dry-run=server'], SPLIT)).includes('Only the controller'),
    { deadlineMs: 30_000 },
  );
  await waitFor(
    'the policy of webhook entries to hold',
    async () => {
      const foreign = configuration((entry) => ({ ...entry, clientConfig: { url: 'https://example.com' } }));
      return (await refusal([...APPLY, '--dry-run=server'], foreign)).includes('queue-splitter-webhook');
    },
    { deadlineMs: 30_000 },
  );
});

after(async () => {
  await cluster?.helm(['uninstall', 'queue-splitter', '--namespace', OPERATOR, '--no-hooks'], { allowedCodes: [0, 1] });
  await cluster?.kubectl(['delete', 'namespace', SHOP, OPERATOR, '--ignore-not-found', '--wait=false']);
  await cluster?.close();
});

describe('splits', () => {
  it('are created by the controller and by nobody else, not even by an admin', async () => {
    assert.match(await refusal(createSplit, SPLIT), /Only the controller of queue-splitter may create a WorkloadSplit/);
    await cluster.kubectl([...createSplit, CONTROLLER], { input: JSON.stringify(SPLIT) });
  });

  it('keep their spec, whoever asks; an admin may take a finalizer off', async () => {
    const words = /Only the controller of queue-splitter/;
    assert.match(await refusal(patchSplit({ spec: { phase: 'Splitting' } }), {}), words);
    await cluster.kubectl(patchSplit({ metadata: { finalizers: [] } }));
    await cluster.kubectl(patchSplit({ spec: { phase: 'Splitting' } }, CONTROLLER));
  });
});

describe('permissions', () => {
  const rights: readonly [process: string, expected: 'yes' | 'no', ...question: string[]][] = [
    ['forwarder', 'yes', 'patch', 'workloadsplits', '--subresource=status', '-n', SHOP],
    ['forwarder', 'no', 'patch', 'workloadsplits', '-n', SHOP],
    ['forwarder', 'no', 'get', 'pods', '-n', SHOP],
    ['webhook', 'yes', 'get', 'secrets/queue-splitter-webhook-ca', '-n', OPERATOR],
    ['webhook', 'no', 'update', 'secrets/queue-splitter-webhook-ca', '-n', OPERATOR],
    ['controller', 'yes', 'update', 'secrets/queue-splitter-webhook-ca', '-n', OPERATOR],
    ['controller', 'no', 'create', 'secrets', '-n', OPERATOR],
    ['controller', 'no', 'get', 'secrets', '-n', SHOP],
    ['controller', 'yes', 'patch', 'deployments', '-n', SHOP],
    ['controller', 'no', 'create', 'pods', '-n', SHOP],
    ['controller', 'no', 'create', 'mutatingwebhookconfigurations'],
    ['controller', 'no', 'patch', 'mutatingwebhookconfigurations/other'],
  ];
  for (const [process, expected, ...question] of rights) {
    it(`${process}: ${question.join(' ')}: ${expected}`, async () => {
      // can-i ends with 1 when the answer is no.
      const answer = await cluster.kubectl(['auth', 'can-i', ...question, account(process)], { allowedCodes: [0, 1] });
      assert.equal(answer.trim(), expected);
    });
  }
});

describe('entries of the webhook configuration', () => {
  const refused: readonly [what: string, change: (entry: Entry) => unknown, words: RegExp][] = [
    [
      'another service',
      (entry) => ({
        ...entry,
        clientConfig: { ...entry.clientConfig, service: { ...SERVICE, name: 'other', path: '/' } },
      }),
      /must call the service/,
    ],
    [
      'another address',
      (entry) => ({ ...entry, clientConfig: { url: 'https://example.com' } }),
      /must call the service/,
    ],
    [
      'Secrets',
      (entry) => ({ ...entry, rules: entry.rules.map((rule) => ({ ...rule, resources: ['secrets'] })) }),
      /creation of pods/,
    ],
    [
      'updates',
      (entry) => ({ ...entry, rules: entry.rules.map((rule) => ({ ...rule, operations: ['CREATE', 'UPDATE'] })) }),
      /creation of pods/,
    ],
    [
      'kube-system',
      (entry) => ({
        ...entry,
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
      }),
      /must name one namespace/,
    ],
    ['every namespace', (entry) => ({ ...entry, namespaceSelector: {} }), /must name one namespace/],
  ];
  for (const [what, change, words] of refused) {
    it(`cannot be about ${what}, even for the controller`, async () => {
      assert.match(await refusal([...APPLY, CONTROLLER], configuration(change)), words);
    });
  }

  const entries = () =>
    cluster.kubectl(['get', 'mutatingwebhookconfiguration', 'queue-splitter', '-o', 'jsonpath={.webhooks[*].name}']);

  it('are accepted as the controller writes them, and survive upgrades with both Helms, as the CA does', async () => {
    await cluster.kubectl([...APPLY, CONTROLLER], { input: JSON.stringify(configuration()) });
    const authority = ['secret', 'queue-splitter-webhook-ca', '-n', OPERATOR];
    const filled = JSON.stringify({ data: { 'ca.crt': Buffer.from('authority').toString('base64') } });
    await cluster.kubectl(['patch', ...authority, '--type=merge', '-p', filled]);
    const before = await entries();
    assert.match(before, /split\.queuesplitter\.dev/);
    for (const [version, replicas] of [
      [3, 3],
      [4, 2],
    ] as const) {
      await installChart(version, '--set', `webhook.replicas=${replicas}`);
      assert.equal(await entries(), before, `Helm ${version}`);
      const kept = await cluster.kubectl(['get', ...authority, '-o', 'jsonpath={.data.ca\\.crt}']);
      assert.equal(Buffer.from(kept, 'base64').toString(), 'authority', `Helm ${version}`);
    }
    await cluster.kubectl([...APPLY, CONTROLLER], { input: JSON.stringify({ ...configuration(), webhooks: [] }) });
    assert.equal(await entries(), '');
  });
});

describe('uninstalling', () => {
  it('leaves the definitions, and nothing else of the chart', async () => {
    await cluster.kubectl(['delete', 'workloadsplit', SPLIT.metadata.name, '-n', SHOP]);
    await cluster.helm(['uninstall', 'queue-splitter', '--namespace', OPERATOR, '--no-hooks', '--wait']);
    const mine = ['-l', 'app.kubernetes.io/name=queue-splitter', '-o', 'name'];
    const kinds = [
      'clusterroles',
      'clusterrolebindings',
      'mutatingwebhookconfigurations',
      'validatingadmissionpolicies',
    ];
    assert.equal(await cluster.kubectl(['get', kinds.join(','), ...mine]), '');
    const kept = await cluster.kubectl(['get', 'customresourcedefinitions', '-o', 'name']);
    assert.match(kept, /splitsessions\.queuesplitter\.dev/);
    assert.equal(await cluster.kubectl(['get', 'secrets,leases', '-n', OPERATOR, '-o', 'name']), '');
  });
});
