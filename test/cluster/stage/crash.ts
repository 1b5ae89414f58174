// Pods of our own processes that die at a named point (common/crash-points.ts) and are not started again, and plain kills of those that run.
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
  remove(): Promise<void>;
};

type Container = { env?: { name: string; value?: string }[] };
type Template = { metadata: { labels: Record<string, string> }; spec: { containers: Container[] } };

const SIGKILLED = 137;
let started = 0;

/**
 * As the chart's Deployment would start it, with the point in its environment. `point` may end in `:n`, the n-th hit.
 * Resolves when the pod is ready, and for a controller when it leads: nobody else may want to at that moment.
 */
export async function startCrashPod(stage: Stage, process: OwnProcess, point: string): Promise<CrashPod> {
  const { cluster } = stage;
  started += 1;
  const name = `crash-${process}-${started}`;
  const { spec } = await cluster.kubectlJson<{ spec: { template: Template } }>([
    ...['get', 'deployment', `queue-splitter-${process}`, '-n', OPERATOR_NAMESPACE],
  ]);
  const { template } = spec;
  const containers = template.spec.containers.map((container) => ({
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
  await waitFor(
    `${name} to run`,
    async () => {
      const pod = await read();
      const isUp = pod?.status.containerStatuses?.some(({ ready }) => ready) === true;
      return isUp || pod?.status.phase === 'Failed';
    },
    { deadlineMs: 60_000, intervalMs: 500 },
  );
  return {
    name,
    async hit(deadlineMs = 60_000) {
      const pod = await waitFor(
        `${name} to die at ${point}`,
        async () => {
          const seen = await read();
          return seen?.status.phase === 'Failed' && seen;
        },
        { deadlineMs, intervalMs: 500 },
      );
      const log = await cluster.kubectl(['logs', name, '-n', OPERATOR_NAMESPACE]);
      assert.ok(log.includes(`crash-point ${point.split(':')[0]}\n`), `${name} died of something else:\n${log}`);
      assert.equal(pod.status.containerStatuses?.[0]?.state?.terminated?.exitCode, SIGKILLED);
    },
    async remove() {
      await cluster.kubectl(['delete', 'pod', name, '-n', OPERATOR_NAMESPACE, '--grace-period=0', '--force']);
    },
  };
}

export async function untilLeading(stage: Stage, pod: CrashPod): Promise<void> {
  await waitFor(`${pod.name} to lead`, async () => (await leader(stage)).startsWith(`${pod.name}-`), {
    deadlineMs: 60_000,
    intervalMs: 500,
  });
}

/** To 0: resolves when its pods are gone, so that nobody is left to step in. */
export async function scaleOwn(stage: Stage, process: OwnProcess, replicas: number): Promise<void> {
  const { cluster } = stage;
  const deployment = `deployment/queue-splitter-${process}`;
  await cluster.kubectl(['scale', deployment, '-n', OPERATOR_NAMESPACE, `--replicas=${replicas}`]);
  if (replicas > 0) return;
  const isGone = async () =>
    (await ownPods(stage, process)).every(({ metadata }) => metadata.name.startsWith('crash-'));
  await waitFor(`the ${process} pods to be gone`, isGone, { deadlineMs: 60_000, intervalMs: 500 });
}

/** SIGKILL to every process of one pod's containers, found by the id that their control group carries. Returns how many there were. */
export function killPod({ status }: PodSeen): number {
  const ids = (status.containerStatuses ?? []).map(({ containerID = '' }) => containerID.replace(/^.*:\/\//, ''));
  const victims = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      const group = readQuietly(`/proc/${pid}/cgroup`);
      return ids.some((id) => id !== '' && group.includes(id));
    });
  for (const pid of victims) process.kill(Number(pid), 'SIGKILL');
  return victims.length;
}

/** A process may end between the listing and the look. */
function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
