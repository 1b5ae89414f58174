// Pods of our own processes that die, or stand still, at a named point (common/crash-points.ts) and are not started again; and plain signals
// to those that run.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { CRASH_POINT_VARIABLE } from '../../../common/crash-points.ts';
import { waitFor } from '../../testbed/wait.ts';
import { OPERATOR_NAMESPACE } from './installation.ts';
import { leader, type OwnProcess, ownPods, type PodSeen, readPods } from './seen.ts';
import type { Stage } from './stage.ts';

export type CrashPod = {
  name: string;
  /** Resolves when it has died at its point; rejects when it lives on or died of something else. */
  hit(deadlineMs?: number): Promise<void>;
  /** Resolves when it stands still at its point. */
  stands(deadlineMs?: number): Promise<void>;
  log(): Promise<string>;
  remove(): Promise<void>;
};

type Container = { env?: { name: string; value?: string }[]; livenessProbe?: unknown };
type Template = { metadata: { labels: Record<string, string> }; spec: { containers: Container[] } };

const SIGKILLED = 137;
/** A point that nobody comes to: the pod is there for plain signals, and no probe ends it while it is stopped. */
export const NEVER = 'never';
const LEASE = 'queue-splitter-controller';
let started = 0;

/**
 * As the chart's Deployment would start it, with the point in its environment; `point` as in `parseCrashPoint`. Resolves when the pod is
 * ready: a forwarder then looks for splits without a living holder, a controller for a Lease that nobody has.
 */
export async function startCrashPod(stage: Stage, process: OwnProcess, point: string): Promise<CrashPod> {
  const { cluster } = stage;
  started += 1;
  const name = `crash-${process}-${started}`;
  const { spec } = await cluster.kubectlJson<{ spec: { template: Template } }>([
    ...['get', 'deployment', `queue-splitter-${process}`, '-n', OPERATOR_NAMESPACE],
  ]);
  const { template } = spec;
  // Without its liveness probe: one that stands still shall wake up by itself.
  const containers = template.spec.containers.map(({ livenessProbe, ...container }) => ({
    ...container,
    env: [...(container.env ?? []), { name: CRASH_POINT_VARIABLE, value: point }],
  }));
  const labels = { ...template.metadata.labels, 'queuesplitter.dev/crash': name };
  await cluster.apply([
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: OPERATOR_NAMESPACE, labels },
      spec: { ...template.spec, containers, restartPolicy: 'Never' },
    },
  ]);
  const read = async () => (await readPods(stage, OPERATOR_NAMESPACE, `queuesplitter.dev/crash=${name}`))[0];
  const log = () => cluster.kubectl(['logs', name, '-n', OPERATOR_NAMESPACE]);
  const line = `crash-point ${point.split(':')[0]}\n`;
  await waitFor(
    `${name} to run`,
    async () => {
      const pod = await read();
      const isUp = pod?.status.containerStatuses?.some(({ ready }) => ready) === true;
      if (isUp || pod?.status.phase === 'Failed') return true;
      // One that stands still at its point does not answer its probe. Before it has begun there is no log.
      return (await log().catch(() => '')).includes(line);
    },
    { deadlineMs: 60_000 },
  );
  return {
    name,
    log,
    async hit(deadlineMs = 60_000) {
      const pod = await waitFor(
        `${name} to die at ${point}`,
        async () => {
          const seen = await read();
          return seen?.status.phase === 'Failed' && seen;
        },
        { deadlineMs },
      );
      const text = await log();
      assert.ok(text.includes(line), `${name} died of something else:\n${text}`);
      assert.equal(pod.status.containerStatuses?.[0]?.state?.terminated?.exitCode, SIGKILLED);
    },
    async stands(deadlineMs = 60_000) {
      const options = { deadlineMs, intervalMs: 500 };
      await waitFor(`${name} to stand still at ${point}`, async () => (await log()).includes(line), options);
    },
    async remove() {
      await cluster.kubectl(['delete', 'pod', name, '-n', OPERATOR_NAMESPACE, '--grace-period=0', '--force']);
    },
  };
}

export async function untilLeading(stage: Stage, pod: CrashPod): Promise<void> {
  const isLeading = async () => (await leader(stage)).startsWith(`${pod.name}-`);
  await waitFor(`${pod.name} to lead`, isLeading, { deadlineMs: 60_000 });
}

/** As if the time of a dead leader's Lease had run out, for tests with many deaths. That it runs out is for others to prove. */
export async function endLease(stage: Stage, dead: CrashPod): Promise<void> {
  const identity = await leader(stage);
  if (!identity.startsWith(`${dead.name}-`)) return;
  const path = '/spec/holderIdentity';
  const patch = [
    { op: 'test', path, value: identity },
    { op: 'replace', path, value: '' },
  ];
  const args = ['patch', 'lease', LEASE, '-n', OPERATOR_NAMESPACE, '--type=json', '-p', JSON.stringify(patch)];
  await stage.cluster.kubectl(args);
}

/**
 * Controllers that die one after another, each at its own point; when all have, the chart's own are started again. Begin with none. Each
 * begins to wait while the one before it leads, so that they lead in this order: a point that comes too early in the list is not hit.
 */
export async function dieInTurn(stage: Stage, points: readonly string[], patienceMs: number): Promise<void> {
  const pods: CrashPod[] = [];
  try {
    for (const point of points) {
      const next = await startCrashPod(stage, 'controller', point);
      const before = pods.at(-1);
      pods.push(next);
      await before?.hit(patienceMs);
      if (before) await endLease(stage, before);
      await untilLeading(stage, next);
    }
    const last = pods.at(-1);
    await last?.hit(patienceMs);
    if (last) await endLease(stage, last);
  } finally {
    await scaleOwn(stage, 'controller', 2);
  }
  for (const pod of pods) await pod.remove();
}

/** To 0: resolves when its pods are gone, so that nobody is left to step in. */
export async function scaleOwn(stage: Stage, process: OwnProcess, replicas: number): Promise<void> {
  const { cluster } = stage;
  const deployment = `deployment/queue-splitter-${process}`;
  await cluster.kubectl(['scale', deployment, '-n', OPERATOR_NAMESPACE, `--replicas=${replicas}`]);
  if (replicas > 0) return;
  const isGone = async () =>
    (await ownPods(stage, process)).every(({ metadata }) => metadata.name.startsWith('crash-'));
  await waitFor(`the ${process} pods to be gone`, isGone, { deadlineMs: 60_000 });
}

/**
 * To every process of one pod's containers. Returns how many there were. They are found by the hosts file that kubelet mounts into each of them:
 * the ids in the pod's status come up to a second after the processes that they are of.
 */
export function signalPod({ metadata }: PodSeen, signal: NodeJS.Signals): number {
  const hosts = `/pods/${metadata.uid}/etc-hosts /etc/hosts `;
  const found = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => readQuietly(`/proc/${pid}/mountinfo`).includes(hosts));
  for (const pid of found) process.kill(Number(pid), signal);
  return found.length;
}

/** A process may end between the listing and the look. */
function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
