// One `qsplit exec` in a test: an API server in memory with a controller of a few lines, real commands, and everything else made up.
import { EventEmitter } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { TestContext } from 'node:test';
import type { SplitSessionStatus } from '../../../../api/kinds/split-session.ts';
import type { BrokerProbes } from '../../../../cli/preflight.ts';
import { run } from '../../../../cli/program.ts';
import type { InputStream, OutputStream, Shell } from '../../../../cli/shell.ts';
import { type EndingSignal, SignalRouter } from '../../../../cli/signals.ts';
import { DEPLOYMENTS, LEASES, SPLIT_SESSIONS } from '../../../../common/kube/resources.ts';
import { waitFor } from '../../../testbed/wait.ts';
import { FakeClock } from '../../common/fake-clock.ts';
import { FakeCluster } from './fake-cluster.ts';

const DEADLINE = { deadlineMs: 15_000, intervalMs: 10 };
const NAME = 'alice-bbbbbb';

const CONFIG = {
  target: 'deployment/orders-worker',
  feature: { split_queues: { orders: { queue_type: 'SQS', message_filter: { tenant: '^alice$' } } } },
};

export const READY: SplitSessionStatus = {
  phase: 'Ready',
  environment: [{ container: 'app', variable: 'ORDERS_QUEUE', value: 'http://sqs/mirrord-orders-alice' }],
  queues: [{ id: 'orders', kind: 'SQS', original: 'orders', session: 'http://sqs/mirrord-orders-alice' }],
};

export class ExecBench {
  readonly cluster = new FakeCluster();
  readonly clock = new FakeClock(Date.UTC(2026, 2, 1, 12));
  readonly signals = new EventEmitter();
  readonly stdin: PassThrough & InputStream = new PassThrough();
  readonly folder: string;
  readonly session = NAME;
  readonly environment: NodeJS.ProcessEnv = { PATH: process.env['PATH'], HOME: process.env['HOME'] };
  probes: BrokerProbes = { sqs: nothing, sqsQueue: nothing, tcp: nothing };
  /** What the controller says of a new session, one status after the other. */
  script: SplitSessionStatus[] = [READY];
  terminal = false;
  #stderr = '';
  #stdout = '';

  constructor(t: TestContext) {
    this.folder = mkdtempSync(join(tmpdir(), 'qsplit-test-'));
    t.after(() => rmSync(this.folder, { recursive: true, force: true }));
    this.write('mirrord.json', JSON.stringify(CONFIG));
    const workload = { metadata: { name: 'orders-worker', namespace: 'shop' }, status: { replicas: 3 } };
    this.cluster.seed(DEPLOYMENTS, workload);
    this.cluster.onCreate = (plural, { metadata }) => {
      if (plural !== SPLIT_SESSIONS.plural) return;
      for (const status of this.script) {
        setImmediate(() => this.sessions.includes(metadata.name) && this.status(status));
      }
    };
  }

  write(name: string, text: string, mode = 0o644): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  }

  read(name: string): string {
    return readFileSync(join(this.folder, name), 'utf8');
  }

  status(status: SplitSessionStatus): void {
    this.cluster.change(SPLIT_SESSIONS.plural, NAME, { status });
  }

  get sessions(): string[] {
    return this.cluster.names(SPLIT_SESSIONS.plural);
  }

  get leases(): string[] {
    return this.cluster.names(LEASES.plural);
  }

  get stderr(): string {
    return this.#stderr;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get events(): Record<string, unknown>[] {
    const lines = this.#stderr.split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** `qsplit exec -f mirrord.json <options> -- node -e <script>`; the script may use `fs`, and `put(name)` to leave a mark. */
  exec(options: readonly string[], script: string): Promise<number> {
    return this.run(['exec', '-f', 'mirrord.json', ...options, '--', ...this.node(script)]);
  }

  node(script: string): string[] {
    const put = `const fs = require('fs'); const put = (name, text = '') => fs.appendFileSync(process.env.FOLDER + '/' + name, text);`;
    return [process.execPath, '-e', `${put} ${script}`];
  }

  run(args: readonly string[]): Promise<number> {
    if (this.terminal) this.stdin.isTTY = true;
    const shell: Shell = {
      stdin: this.stdin,
      stdout: this.#output((text) => {
        this.#stdout += text;
      }),
      stderr: this.#output((text) => {
        this.#stderr += text;
      }),
      environment: { ...this.environment, FOLDER: this.folder, NO_COLOR: '1' },
      platform: process.platform,
      user: 'alice',
      host: 'laptop',
      workingDirectory: this.folder,
      clock: this.clock,
      randomBytes: (count) => new Uint8Array(count),
      signals: new SignalRouter(this.signals),
      connect: async () => ({
        client: this.cluster,
        namespace: 'shop',
        context: 'test',
        close: async () => undefined,
      }),
      probes: this.probes,
    };
    return run(args, shell);
  }

  signal(signal: EndingSignal): void {
    this.signals.emit(signal, signal);
  }

  /** Until the command left that mark. */
  async mark(name: string): Promise<void> {
    await waitFor(`the command to write ${name}`, () => existsSync(join(this.folder, name)), DEADLINE);
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    await waitFor(what, condition, DEADLINE);
  }

  #output(take: (text: string) => void): OutputStream {
    const stream: OutputStream = new PassThrough();
    stream.on('data', (chunk: Buffer) => take(chunk.toString()));
    if (this.terminal) stream.isTTY = true;
    return stream;
  }
}

async function nothing(): Promise<void> {}
