// `--keep`: everything stays, producers included, until Ctrl-C; and how to get in.
import { once } from 'node:events';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OPERATOR_NAMESPACE } from '../test/cluster/stage/installation.ts';
import type { Stage } from '../test/cluster/stage/stage.ts';
import { SHOP_NAMESPACE } from '../test/shop/manifests.ts';
import { networkNamespacePath } from '../test/testbed/kernel-objects.ts';
import { silentProgress } from '../test/testbed/progress.ts';
import { ensureHelm } from '../test/testbed/toolchain/helm.ts';
import { machineOf, type Person } from './developers.ts';
import type { DemoOptions } from './options.ts';
import type { Teller } from './telling.ts';

const QSPLIT = fileURLToPath(new URL('../cli/main.ts', import.meta.url));
const METRICS_PORT = 9090;

export async function lookAround(
  stage: Stage,
  team: readonly Person[],
  options: DemoOptions,
  teller: Teller,
  ended: AbortSignal,
): Promise<void> {
  await stage.resume();
  const { kubectl } = await ensureHelm(silentProgress);
  const { host, port } = await stage.place.reach(Number(new URL(stage.sqs.url).port));
  teller.chapter('Everything stays until Ctrl-C; the producers go on');
  teller.show(
    [
      '# As administrator:',
      `export KUBECONFIG=${stage.cluster.kubeconfigPath}`,
      `${kubectl} get splitsessions,workloadsplits -A`,
      '',
      "# As a developer: a shell on somebody's machine, in their project, with their rights, and with qsplit and kubectl.",
      ...team.map((person) => `sh ${shellOf(person, stage, options, kubectl)}`),
      '# There, for example, in two terminals:',
      'qsplit exec -f mirrord.json -- node worker.js',
      'qsplit status --watch',
      '',
      `SQS             http://${host}:${port}`,
      ...(stage.kafka ? [`Kafka           ${stage.kafka.bootstrapServers} (in the cluster's network)`] : []),
      ...(await metricsPages(stage)).map((url) => `metrics         ${url}`),
      `histories       ${stage.producer.file} and ${stage.collector.file}`,
      `namespaces      ${SHOP_NAMESPACE}, ${OPERATOR_NAMESPACE}`,
    ].join('\n'),
  );
  if (!ended.aborted) await once(ended, 'abort');
}

/** A script with somebody's place, network and environment: a shell, or the command that is behind it. @returns its path. */
function shellOf({ laptop }: Person, stage: Stage, { kubeconfig }: DemoOptions, kubectl: string): string {
  const programs = join(laptop.folder, 'bin');
  mkdirSync(programs, { recursive: true });
  writeFileSync(join(programs, 'qsplit'), `#!/bin/sh\nexec ${process.execPath} ${quoted(QSPLIT)} "$@"\n`, {
    mode: 0o755,
  });
  symlinkSync(kubectl, join(programs, 'kubectl'));
  const machine = machineOf(stage, laptop);
  const variables = { ...machine, PATH: `${programs}:${machine['PATH']}`, PS1: `${laptop.name}$ ` };
  const enter =
    kubeconfig === undefined ? ['nsenter', `--net=${networkNamespacePath(basename(stage.cluster.dir))}`] : [];
  const settings = Object.entries(variables).map(([name, value]) => quoted(`${name}=${value}`));
  const script = join(laptop.folder, 'shell.sh');
  const lines = [
    `# A shell on ${laptop.name}'s machine, or the command that is behind it.`,
    `cd ${quoted(laptop.folder)} || exit`,
    '[ $# -gt 0 ] || set -- sh',
    `exec ${[...enter, 'env', '-i', 'TERM="$TERM"', ...settings, '"$@"'].join(' ')}`,
  ];
  writeFileSync(script, `${lines.join('\n')}\n`);
  return script;
}

async function metricsPages({ cluster }: Stage): Promise<string[]> {
  const output = 'jsonpath={.items[*].status.podIP}';
  const label = 'app.kubernetes.io/component=forwarder';
  const addresses = await cluster.kubectl(['get', 'pods', '-n', OPERATOR_NAMESPACE, '-l', label, '-o', output]);
  return await Promise.all(
    addresses.split(' ').map(async (address) => {
      const { host, port } = await cluster.forwardTo({ host: address, port: METRICS_PORT });
      return `http://${host}:${port}/metrics`;
    }),
  );
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
