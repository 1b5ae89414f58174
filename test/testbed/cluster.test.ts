/** Proves the test cluster itself: what the other tests rely on works, and nothing of it stays on the machine. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Cluster, startCluster } from './cluster.ts';
import { clusterFromKubeconfig } from './external-cluster.ts';
import { probeObjects, refusingPolicy } from './fixtures/probe-objects.ts';
import { buildImage } from './image.ts';
import { leftOvers } from './left-overs.ts';
import { nodeInImage, nodeLayers } from './node-image.ts';
import { processesMentioning } from './process-table.ts';
import { sweepStale } from './runs.ts';
import { waitFor } from './wait.ts';

const imageName = 'localhost/probe:1';
const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));

async function buildProbeImage(): Promise<string> {
  const image = await buildImage({
    name: imageName,
    layers: [...(await nodeLayers()), [{ from: fixture('probe.mjs'), to: '/app/probe.mjs' }]],
    entrypoint: [nodeInImage],
    command: ['/app/probe.mjs'],
    workdir: '/app',
  });
  return image.tarPath;
}

function runIdOf(cluster: Cluster): string {
  return cluster.dir.slice(cluster.dir.lastIndexOf('/') + 1);
}

describe('a cluster of its own', () => {
  let cluster: Cluster;
  /** What the probe in a pod answers; asked through the Service, from the machine. */
  let ask: (path: string) => Promise<string>;

  before(async () => {
    cluster = await startCluster({ audit: true });
    await cluster.loadImage(await buildProbeImage());
    await cluster.apply(probeObjects(imageName));
    await cluster.kubectl(['rollout', 'status', 'deployment/probe', '--timeout=60s']);
    const { spec } = await cluster.kubectlJson<{ spec: { clusterIP: string } }>(['get', 'service', 'probe']);
    const forward = await cluster.forwardTo({ host: spec.clusterIP, port: 80 });
    ask = async (path) => {
      const answer = await fetch(`http://${forward.host}:${forward.port}${path}`);
      const text = await answer.text();
      assert.equal(answer.status, 200, text);
      return text;
    };
    await waitFor('the probe behind its Service', () => ask('/'), { deadlineMs: 30_000 });
  });

  after(() => cluster?.close());

  test('runs two replicas in the restricted security context', async () => {
    type Status = { status: { readyReplicas: number } };
    const deployment = await cluster.kubectlJson<Status>(['get', 'deployment', 'probe']);
    assert.equal(deployment.status.readyReplicas, 2);
    assert.equal(await ask('/user'), '65532');
  });

  test('lets a pod read the API with its service account, and no more than its role', async () => {
    assert.equal(await ask('/api/api/v1/namespaces/default/configmaps/kube-root-ca.crt'), '200');
    assert.equal(await ask('/api/api/v1/namespaces/default/secrets'), '403');
  });

  test('writes every decision into the audit log', async () => {
    const path = cluster.auditLogPath;
    assert.ok(path);
    type Event = { user: { username: string }; objectRef?: { resource: string }; annotations?: Record<string, string> };
    const decisions = readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Event)
      .filter(({ user }) => user.username === 'system:serviceaccount:default:probe')
      .map((event) => `${event.objectRef?.resource} ${event.annotations?.['authorization.k8s.io/decision']}`);
    assert.ok(decisions.includes('configmaps allow') && decisions.includes('secrets forbid'), decisions.join(', '));
  });

  test('resolves the name of a Service and reaches it from a pod', async () => {
    assert.match(await ask('/fetch?url=http://probe.default.svc.cluster.local/user'), /^65532$/);
    assert.match(await ask('/fetch?url=http://probe/user'), /^65532$/);
  });

  test('refuses names outside the cluster at once', async () => {
    const startedAt = performance.now();
    assert.match(await ask('/fetch?url=http://somewhere.example/'), /^failed: /);
    assert.ok(performance.now() - startedAt < 5_000);
  });

  test('leads pods to a program of the machine by a Service', async () => {
    const program = await cluster.spawnInside(process.execPath, [fixture('probe.mjs'), cluster.gateway, '18080'], {
      name: 'host-program',
    });
    await cluster.serviceForHostProgram({ name: 'on-host', namespace: 'default', port: 80, targetPort: 18080 });
    const answer = await waitFor('the program of the machine', () => ask('/fetch?url=http://on-host/pid'), {
      deadlineMs: 10_000,
    });
    assert.equal(answer, String(program.pid));
    await program.stop();
    assert.equal(program.isRunning(), false);
  });

  test('shows the logs of a pod, and runs a command in it', async () => {
    assert.match(await cluster.kubectl(['logs', 'deployment/probe']), /^listening$/m);
    const printed = await cluster.kubectl(['exec', 'deployment/probe', '--', nodeInImage, '-p', '6 * 7']);
    assert.equal(printed.trim(), '42');
  });

  test('installs a chart with helm 3 and with helm 4', async () => {
    for (const version of [3, 4] as const) {
      await cluster.helm(['install', `chart-${version}`, fixture('chart'), '--wait', '--timeout', '30s'], { version });
      const { stdout } = await cluster.helm(['list', '--short'], { version });
      assert.match(stdout, new RegExp(`^chart-${version}$`, 'm'));
      await cluster.helm(['uninstall', `chart-${version}`, '--wait'], { version });
    }
  });

  test('enforces pod security', async () => {
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    const spec = { containers: [{ name: 'main', image: imageName }] };
    await cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'restricted', labels } }]);
    await assert.rejects(
      cluster.apply([{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'main', namespace: 'restricted' }, spec }]),
      /violates PodSecurity/,
    );
  });

  test('enforces a ValidatingAdmissionPolicy', async () => {
    await cluster.apply(refusingPolicy());
    const create = ['create', 'configmap', 'refused', '--dry-run=server'];
    await waitFor(
      'the policy to refuse',
      () =>
        cluster.kubectl(create).then(
          () => false,
          (error: Error) => error.message.includes('not this one'),
        ),
      { deadlineMs: 30_000 },
    );
    await cluster.kubectl(['create', 'configmap', 'allowed', '--dry-run=server']);
  });

  test('can be used by its kubeconfig like any other cluster', async () => {
    const external = await clusterFromKubeconfig(cluster.kubeconfigPath);
    try {
      const { spec } = await external.kubectlJson<{ spec: { clusterIP: string } }>(['get', 'service', 'probe']);
      const { host, port } = await external.forwardTo({ host: spec.clusterIP, port: 80 });
      assert.equal(await (await fetch(`http://${host}:${port}/user`)).text(), '65532');
      await assert.rejects(external.loadImage('image.tar'), /kind load image-archive image\.tar/);
    } finally {
      await external.close();
    }
    assert.equal(existsSync(external.dir), false);
    assert.equal(await ask('/user'), '65532');
  });

  test('carries large answers through a forward without loss', async () => {
    assert.equal((await ask('/bytes?count=5000000')).length, 5_000_000);
  });

  test('stands beside a second one, and closing that leaves nothing but the first', async () => {
    const second = await startCluster();
    const id = runIdOf(second);
    try {
      await second.loadImage(await buildProbeImage());
      await second.apply(probeObjects(imageName));
      await second.kubectl(['rollout', 'status', 'deployment/probe', '--timeout=60s']);
      assert.equal(await ask('/user'), '65532');
    } finally {
      await second.close();
    }
    await second.close();
    assert.deepEqual(leftOvers(id), []);
    assert.equal(await ask('/user'), '65532');
  });
});

describe('a run that is killed', () => {
  /** Starts a cluster in a process of its own, and waits for the run's directory that it prints. */
  async function startElsewhere(): Promise<{ pid: number; dir: string; id: string; ended: Promise<unknown> }> {
    const child = spawn(process.execPath, [fixture('hold-cluster.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const dir = await waitFor('the cluster of another process', () => /^dir (\S+)$/m.exec(said)?.[1], {
      deadlineMs: 90_000,
    });
    return { pid: child.pid ?? 0, dir, id: dir.slice(dir.lastIndexOf('/') + 1), ended };
  }

  test('by SIGTERM cleans up by itself', async () => {
    const { pid, id, ended } = await startElsewhere();
    process.kill(pid, 'SIGTERM');
    await ended;
    assert.deepEqual(leftOvers(id), []);
  });

  test('by SIGKILL leaves no process, and the next start removes the rest', async () => {
    const { pid, dir, id, ended } = await startElsewhere();
    process.kill(pid, 'SIGKILL');
    await ended;
    // As long as a run waits for that itself: on a busy machine the kernel takes its time to end a process namespace.
    await waitFor('the end of all its processes', () => processesMentioning(id).length === 0, { deadlineMs: 60_000 });
    assert.ok(existsSync(dir));
    assert.ok(sweepStale().includes(id));
    assert.deepEqual(leftOvers(id), []);
  });
});
