// Installs our chart as a platform engineer would: real helm, the image from the testbed, settings that fit an emulator.
import { fileURLToPath } from 'node:url';
import type { Cluster } from '../../testbed/cluster.ts';
import { productImageName } from '../../testbed/product-image.ts';

export const OPERATOR_NAMESPACE = 'mirrord';
export const RELEASE = 'queue-splitter';
const chart = fileURLToPath(new URL('../../../charts/queue-splitter', import.meta.url));

type Variables = Readonly<Record<string, string>>;

/** Emulators count exactly, so seconds are enough where AWS needs a minute. */
const EMULATOR_VALUES: Variables = {
  'sqs.emptyConfirmationSeconds': '1',
  'restore.confirmationSeconds': '3',
};

/** Resolves when every process is ready. */
export async function installChart(cluster: Cluster, aws: Variables, values: Variables): Promise<void> {
  const [repository, tag = ''] = productImageName.split(/:(?=[^:]*$)/);
  const settings = {
    'image.repository': repository ?? '',
    'image.tag': tag,
    ...environmentValues('controller', aws),
    ...environmentValues('forwarder', aws),
    ...EMULATOR_VALUES,
    ...values,
  };
  const command = ['upgrade', '--install', RELEASE, chart, '--namespace', OPERATOR_NAMESPACE, '--create-namespace'];
  const assignments = Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  await cluster.helm([...command, '--wait', '--timeout=120s', ...assignments], { deadlineMs: 150_000 });
}

/** Resolves when everything of it is gone but the definitions. Rejects with what helm says. */
export async function uninstallChart(cluster: Cluster): Promise<void> {
  const command = ['uninstall', RELEASE, '--namespace', OPERATOR_NAMESPACE, '--wait', '--timeout=150s'];
  await cluster.helm(command, { deadlineMs: 180_000 });
}

/** The chart sets AWS_REGION and the endpoint from values of its own; credentials come in as extra variables. */
function environmentValues(process: string, variables: Variables): Variables {
  const entries = Object.entries(variables).map(([name, value], index) => [
    [`${process}.extraEnv[${index}].name`, name],
    [`${process}.extraEnv[${index}].value`, value],
  ]);
  return Object.fromEntries(entries.flat());
}
