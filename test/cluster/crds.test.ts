// The chart's definitions on a real API server: the guide's examples are accepted as they are written, wrong objects are refused with the
// name of the field, and rules over time hold. Needs no image and nothing of the chart but its definitions.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Cluster, startCluster } from '../testbed/cluster.ts';
import { CommandError } from '../testbed/commands.ts';
import { clusterFromKubeconfig } from '../testbed/external-cluster.ts';
import { NAMES, refusals, session, split } from './crds/objects.ts';

const CHART = fileURLToPath(new URL('../../charts/queue-splitter', import.meta.url));
const GUIDE = fileURLToPath(new URL('../fixtures/guide', import.meta.url));
const KUBECONFIG = process.env['QUEUE_SPLITTER_KUBECONFIG'];

let cluster: Cluster;

before(async () => {
  cluster = KUBECONFIG === undefined ? await startCluster({ name: 'crds' }) : await clusterFromKubeconfig(KUBECONFIG);
  for (const namespace of ['meme', 'mirrord']) {
    await cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }]);
  }
  const rendered = await cluster.helm(['template', 'queue-splitter', CHART, '--show-only', 'templates/crds/*.yaml']);
  await cluster.kubectl(['apply', '--server-side', '-f', '-'], { input: rendered.stdout });
  await cluster.kubectl([
    'wait',
    '--for=condition=Established',
    '--timeout=60s',
    ...NAMES.map((name) => `crd/${name}`),
  ]);
});

after(() => cluster?.close());

/** What kubectl says when it fails; fails itself when kubectl does not. */
async function refusal(args: string[], input: string): Promise<string> {
  try {
    await cluster.kubectl(args, { input });
  } catch (error) {
    if (error instanceof CommandError) return error.result.stderr;
    throw error;
  }
  return assert.fail(`accepted: ${input}`);
}

describe("the guide's examples", async () => {
  const files = (await readdir(GUIDE)).filter((file) => file.endsWith('.yaml'));
  const ways = { 'client-side apply': ['apply'], 'server-side apply': ['apply', '--server-side'], create: ['create'] };
  for (const file of files) {
    for (const [way, verb] of Object.entries(ways)) {
      it(`${file} is accepted by ${way}, without a warning`, async () => {
        const input = await readFile(`${GUIDE}/${file}`, 'utf8');
        await cluster.kubectl([...verb, '--warnings-as-errors', '--validate=strict', '-f', '-'], { input });
        await cluster.kubectl(['delete', '--wait', '-f', '-'], { input });
      });
    }
  }

  it('a property without value stays one, however it is applied', async () => {
    const input = await readFile(`${GUIDE}/client-config-inheritance.yaml`, 'utf8');
    for (const verb of [['apply'], ['apply', '--server-side', '--force-conflicts']]) {
      await cluster.kubectl([...verb, '-f', '-'], { input });
      const { spec } = await cluster.kubectlJson<{ spec: { properties: { name: string; value?: unknown }[] } }>([
        'get',
        'mirrordkafkaclientconfigs/with-client-id',
        '-n',
        'mirrord',
      ]);
      const removed = spec.properties.find(({ name }) => name === 'message.send.max.retries');
      assert.ok(removed !== undefined && (removed.value ?? null) === null, JSON.stringify(spec));
    }
    await cluster.kubectl(['delete', '--wait', '-f', '-'], { input });
  });
});

describe('wrong objects are refused with the name of the field', () => {
  for (const { what, object, message } of refusals) {
    it(what, async () => {
      const said = await refusal(['create', '--validate=strict', '-f', '-'], JSON.stringify(object));
      assert.match(said, message);
    });
  }
});

describe('rules over time', () => {
  it('the spec of a session cannot be changed, its labels can', async () => {
    const object = session('rules');
    await cluster.apply([object]);
    await cluster.apply([{ ...object, metadata: { ...object.metadata, labels: { a: 'b' } } }]);
    const changed = { ...object, spec: { ...object.spec, sessionKey: 'other' } };
    const said = await refusal(['apply', '--server-side', '--force-conflicts', '-f', '-'], JSON.stringify(changed));
    assert.match(said, /spec.*the spec of a session cannot be changed/s);
  });

  it('a split keeps its workload, and its revision never goes back', async () => {
    const object = split('rules', 5);
    await cluster.apply([object]);
    const patch = (spec: object) =>
      refusal(['patch', 'ws/rules', '-n', 'meme', '--type=merge', '-p', JSON.stringify({ spec })], '');
    assert.match(await patch({ revision: 4 }), /spec\.revision.*never goes back/s);
    assert.match(await patch({ target: { uid: 'other' } }), /spec\.target\.uid.*stays with one workload/s);
    await cluster.kubectl(['patch', 'ws/rules', '-n', 'meme', '--type=merge', '-p', '{"spec":{"revision":6}}']);
  });
});

describe('what kubectl shows', () => {
  const setStatus = async (object: string, status: object): Promise<void> => {
    const patch = JSON.stringify({ status });
    await cluster.kubectl(['patch', object, '-n', 'meme', '--subresource=status', '--type=merge', '-p', patch]);
  };
  const condition = (type: string, observedGeneration: number): object => ({
    type,
    status: 'True',
    reason: 'Said',
    message: 'so it is',
    lastTransitionTime: '2026-01-01T00:00:00Z',
    observedGeneration,
  });

  it('is one line for a session and a split of several queues and sessions', async () => {
    await cluster.apply([session('columns', { sessionKey: 'branch-7' }), split('columns', 1)]);
    const queues = 'orders, views (+2)';
    await setStatus('ss/columns', { phase: 'Restarting', summary: { queues, detail: '1 of 3 patched' } });
    const summary = { queues, sessions: 2, sessionNames: 'alice, bob', waitsFor: '1 of 3 pods' };
    await setStatus('ws/columns', { summary });
    const sessions = await cluster.kubectl(['get', 'ss', '-n', 'meme']);
    assert.match(
      sessions,
      /^NAME +TARGET +QUEUES +PHASE +KEY +DETAIL +AGE\ncolumns +meme-app +orders, views \(\+2\) +Restarting +branch-7 +1 of 3 patched +\d+s/,
    );
    const splits = await cluster.kubectl(['get', 'ws', '-n', 'meme', '--field-selector=metadata.name=columns']);
    assert.match(
      splits,
      /^NAME +TARGET +PHASE +QUEUES +SESSIONS +WAITS-FOR +AGE\ncolumns +meme-app +Preparing +orders, views \(\+2\) +2 +1 of 3 pods +\d+s/,
    );
    const wide = await cluster.kubectl(['get', 'ws', '-n', 'meme', '-o', 'wide']);
    assert.match(wide, /SESSION-NAMES +REVISION +ACKNOWLEDGED +FORWARDER.*alice, bob/s);
    const all = await cluster.kubectl(['get', 'queue-splitter', '-n', 'meme', '-o', 'name']);
    assert.match(all, /splitsession.*workloadsplit/s);
  });

  it('is waited for by condition, and what was said of an earlier spec is not believed', async () => {
    await cluster.apply([session('waited'), split('waited', 1)]);
    await setStatus('ss/waited', { conditions: [condition('Ready', 1)] });
    await cluster.kubectl(['wait', '-n', 'meme', '--for=condition=Ready', '--timeout=10s', 'splitsession/waited']);
    await setStatus('ws/waited', { conditions: [condition('Patched', 1)] });
    const wait = ['wait', '-n', 'meme', '--for=condition=Patched', 'workloadsplit/waited'];
    await cluster.kubectl([...wait, '--timeout=10s']);
    await cluster.kubectl(['patch', 'ws/waited', '-n', 'meme', '--type=merge', '-p', '{"spec":{"revision":2}}']);
    assert.match(await refusal([...wait, '--timeout=1s'], ''), /timed out/);
    await setStatus('ws/waited', { conditions: [condition('Patched', 2)] });
    await cluster.kubectl([...wait, '--timeout=10s']);
  });
});

describe('definitions of another release', () => {
  for (const version of [3, 4] as const) {
    it(`Helm ${version} refuses them by name, and leaves them alone with crds.install=false`, async () => {
      const name = 'mirrordsqssessions.queues.mirrord.metalbear.co';
      const owner = ['meta.helm.sh/release-name=mirrord-operator', 'meta.helm.sh/release-namespace=mirrord'];
      await cluster.kubectl(['annotate', '--overwrite', `crd/${name}`, ...owner]);
      const install = ['install', 'queue-splitter', CHART, '--namespace', 'meme', '--dry-run=server'];
      await assert.rejects(cluster.helm(install, { version }), (error) => {
        assert.ok(error instanceof CommandError);
        assert.match(error.result.stderr, new RegExp(`${name} belongs to the Helm release mirrord/mirrord-operator`));
        return true;
      });
      await cluster.helm([...install, '--set', 'crds.install=false'], { version });
    });
  }
});
