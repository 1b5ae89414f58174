// A whole qsplit as a process of its own, with real signals, streams and clock; only the API server is in memory, and every session is
// Ready at once. Leaves the names of the sessions that are left in the file `left` of the folder in FOLDER.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../../cli/program.ts';
import { SignalRouter } from '../../../../cli/signals.ts';
import { systemClock } from '../../../../common/clock.ts';
import { DEPLOYMENTS, SPLIT_SESSIONS } from '../../../../common/kube/resources.ts';
import { FakeCluster } from './fake-cluster.ts';

const folder = process.env['FOLDER'] ?? '.';
const client = new FakeCluster();
client.seed(DEPLOYMENTS, { metadata: { name: 'orders-worker', namespace: 'default' } });
client.onCreate = (plural, { metadata }) => {
  if (plural !== SPLIT_SESSIONS.plural) return;
  setImmediate(() => client.change(plural, metadata.name, { status: { phase: 'Ready', environment: [], queues: [] } }));
};
const nothing = async () => undefined;

process.exitCode = await run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  platform: process.platform,
  user: 'alice',
  host: 'laptop',
  workingDirectory: folder,
  clock: systemClock,
  randomBytes,
  signals: new SignalRouter(process),
  connect: async () => ({ client, namespace: 'default', context: 'memory', close: nothing }),
  probes: { sqs: nothing, sqsQueue: nothing, tcp: nothing },
});
writeFileSync(join(folder, 'left'), client.names(SPLIT_SESSIONS.plural).join(' '));
