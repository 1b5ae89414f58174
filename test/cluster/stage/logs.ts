// The end of a stage: nothing was refused to our service accounts, and what they needed is written down for the runner. With
// QUEUE_SPLITTER_KEEP_LOGS=folder the logs of our own pods and of the shop's, and the histories, are kept beside those of the node, for whoever
// looks into a failure.
import assert from 'node:assert/strict';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RIGHTS_VARIABLE, type Rights, writeRights } from '../../runner/rights.ts';
import { ORDERS_WORKER, SHOP_NAMESPACE } from '../../shop/manifests.ts';
import { type AuditLine, describeGrant, readAudit, readGrants, refusedRequests, unusedGrants } from './audit.ts';
import { OPERATOR_NAMESPACE } from './installation.ts';
import type { Stage } from './stage.ts';

export async function closeStage(stage: Stage | undefined): Promise<void> {
  if (stage === undefined) return;
  try {
    await keepLogs(stage);
    await judgeRights(stage);
  } finally {
    await stage.close();
  }
}

/** After an uninstallation there is nothing that grants anything. */
async function rightsOf(stage: Stage, lines: readonly AuditLine[]): Promise<Rights> {
  const grants = await readGrants(stage).catch(() => []);
  return { granted: grants.map(describeGrant), unused: unusedGrants(grants, lines) };
}

async function judgeRights(stage: Stage): Promise<void> {
  if (stage.cluster.auditLogPath === undefined) return;
  const lines = readAudit(stage);
  const folder = process.env[RIGHTS_VARIABLE];
  if (folder !== undefined) await writeRights(folder, stage.cluster.name, await rightsOf(stage, lines));
  assert.deepEqual(refusedRequests(lines), [], 'requests of our service accounts were refused');
}

async function keepLogs({ cluster, place }: Stage): Promise<void> {
  const folder = process.env['QUEUE_SPLITTER_KEEP_LOGS'];
  if (folder === undefined || folder === '') return;
  const directory = join(folder, cluster.name);
  await mkdir(directory, { recursive: true });
  await cp(join(place.directory, 'histories'), join(directory, 'histories'), { recursive: true });
  const shop = ['-n', SHOP_NAMESPACE, '-l', `app=${ORDERS_WORKER}`, '--tail=-1', '--prefix'];
  await writeFile(join(directory, 'shop.log'), await cluster.kubectl(['logs', ...shop]).catch(String));
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
