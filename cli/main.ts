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
  const { connection, namespace, context } = await accessOf(loadKubeConfig(options, process.env), process.env);
  const client = createKubeClient(connection, {
    userAgent: `qsplit/${packageJson.version}`,
    fieldManager: 'qsplit',
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
  });
  return { client, namespace, context, close: () => client.close() };
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

/** Waits until what was written so far has left: on some platforms writing to a pipe goes on in the background. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()));
}

// Nobody reads any more (`qsplit status | head`): no reason to leave a session behind.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
// What Node has to say to programmers (an experimental part of a library) is not for whoever runs qsplit, and no JSON line.
process.removeAllListeners('warning');
void main();

/** Not at the top level of the module: the single file of a release is no ES module (docs/adr/0004-qsplit-distribution.md). */
async function main(): Promise<void> {
  const code = await run(process.argv.slice(2), shell);
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  // What still goes on now (a login, a probe that was given up) is of no interest to anybody.
  process.exit(code);
}
