// A cluster that is there already, as a stage: refused when it holds anything by the names that the play uses, and swept afterwards.
import { SHOP_NAMESPACE } from '../../shop/manifests.ts';
import type { Cluster } from '../../testbed/cluster.ts';
import { clusterFromKubeconfig } from '../../testbed/external-cluster.ts';
import type { Progress } from '../../testbed/progress.ts';
import { OPERATOR_NAMESPACE, RELEASE } from './installation.ts';

const NAMESPACES = [SHOP_NAMESPACE, OPERATOR_NAMESPACE] as const;
const GROUPS = /queuesplitter\.dev|queues\.mirrord\.metalbear\.co/;

/** The same interface; `close` also removes the shop, our chart and its definitions. */
export async function openExternal(kubeconfig: string, progress: Progress): Promise<Cluster> {
  const cluster = await clusterFromKubeconfig(kubeconfig, { progress });
  try {
    await refuseWhatIsInUse(cluster);
  } catch (error) {
    await cluster.close();
    throw error;
  }
  let closing: Promise<void> | undefined;
  return {
    ...cluster,
    close() {
      closing ??= progress
        .step(`Removing everything from ${cluster.name}`, () => sweep(cluster))
        .finally(cluster.close);
      return closing;
    },
  };
}

async function refuseWhatIsInUse(cluster: Cluster): Promise<void> {
  const namespaces = await cluster.kubectl(['get', 'namespaces', ...NAMESPACES, '--ignore-not-found', '-o', 'name']);
  const found = [...namespaces.trim().split('\n'), ...(await definitions(cluster))].filter((name) => name !== '');
  if (found.length === 0) return;
  const shown = found.map((name) => name.replace('customresourcedefinition.apiextensions.k8s.io/', 'definition '));
  throw new Error(
    `The cluster ${cluster.name} has these already, and what is played there makes and removes them:\n` +
      `${shown.map((name) => `  ${name}`).join('\n')}\nUse a cluster without them, or remove them there if nobody needs them.`,
  );
}

async function definitions(cluster: Cluster): Promise<string[]> {
  const names = await cluster.kubectl(['get', 'customresourcedefinitions', '-o', 'name']);
  return names.split('\n').filter((name) => GROUPS.test(name));
}

/** In the order in which nothing waits for something that is gone already. */
async function sweep(cluster: Cluster): Promise<void> {
  const release = ['uninstall', RELEASE, '--namespace', OPERATOR_NAMESPACE, '--ignore-not-found', '--wait'];
  await cluster.helm([...release, '--timeout=120s'], { deadlineMs: 150_000 });
  await cluster.kubectl(['delete', 'namespace', ...NAMESPACES, '--ignore-not-found', '--timeout=120s'], {
    deadlineMs: 150_000,
  });
  const left = await definitions(cluster);
  if (left.length > 0) await cluster.kubectl(['delete', ...left, '--timeout=60s']);
}
