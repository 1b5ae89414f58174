// qsplit's entry point: fills the shell with the real world and runs one command line.
import { randomBytes } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import { systemClock } from '../common/clock.ts';
import { createKubeClient } from '../common/kube/client.ts';
import packageJson from '../package.json' with { type: 'json' };
import type { ClusterOptions } from './kubeconfig.ts';
import { probeTcp } from './preflight.ts';
import { run } from './program.ts';
import type { Cluster, Shell } from './shell.ts';
import { SignalRouter } from './signals.ts';

/** A call to the API server that takes longer counts as no answer; shorter than the heartbeat's patience. */
const REQUEST_TIMEOUT_MS = 10_000;

/** Late imports: client-node and the AWS SDK take most of a second to load, which `--help` need not pay. */
async function connect(options: ClusterOptions): Promise<Cluster> {
  const { accessOf, loadKubeConfig } = await import('./kubeconfig.ts');
  const { connection, namespace, context } = await accessOf(loadKubeConfig(options, process.env));
  const client = createKubeClient(connection, {
    userAgent: `qsplit/${packageJson.version}`,
    fieldManager: 'qsplit',
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
  });
  return { client, namespace, description: `${context} (${connection.server})`, close: () => client.close() };
}

/** A container's user may have no entry in the password file. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return process.env['USER'] ?? 'unknown';
  }
}

const shell: Shell = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  platform: process.platform,
  user: userName(),
  host: hostname(),
  workingDirectory: process.cwd(),
  clock: systemClock,
  randomBytes,
  signals: new SignalRouter(process),
  connect,
  probes: {
    sqs: async () => (await import('./sqs-probe.ts')).probeSqs(),
    sqsQueue: async (queue) => (await import('./sqs-probe.ts')).probeSqsQueue(queue),
    tcp: probeTcp,
  },
};

process.exitCode = await run(process.argv.slice(2), shell);
