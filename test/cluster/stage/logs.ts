// For whoever looks into a failure: with QUEUE_SPLITTER_KEEP_LOGS=folder the logs of our own pods are kept beside those of the node.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OPERATOR_NAMESPACE } from './installation.ts';
import type { Stage } from './stage.ts';

export async function closeStage(stage: Stage | undefined): Promise<void> {
  if (stage === undefined) return;
  try {
    await keepLogs(stage);
  } finally {
    await stage.close();
  }
}

async function keepLogs({ cluster }: Stage): Promise<void> {
  const folder = process.env['QUEUE_SPLITTER_KEEP_LOGS'];
  if (folder === undefined || folder === '') return;
  const directory = join(folder, cluster.name);
  await mkdir(directory, { recursive: true });
  for (const previous of [false, true]) {
    for (const process of ['controller', 'webhook', 'forwarder']) {
      const which = ['-l', `app.kubernetes.io/component=${process}`, `--previous=${previous}`, '--tail=-1', '--prefix'];
      const read = cluster.kubectl(['logs', '-n', OPERATOR_NAMESPACE, ...which]);
      // There may be no previous container, and after an uninstallation no pod.
      const text = await read.catch((error: unknown) => String(error));
      await writeFile(join(directory, `${process}${previous ? '-previous' : ''}.log`), text);
    }
  }
  const objects = ['workloadsplits,splitsessions,events,pods', '-A', '-o', 'yaml'];
  await writeFile(join(directory, 'objects.yaml'), await cluster.kubectl(['get', ...objects]));
}
