// A developer at a laptop: an identity of their own with exactly the rights that were bound to it, and qsplit as a real process that is
// seen from outside only: what it writes, when, and how it ends.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import type { SessionLine } from '../../checker/history.ts';
import { ORDERS_QUEUE, SHOP_NAMESPACE } from '../../shop/manifests.ts';
import { writeKubeconfig } from '../../testbed/kubeconfig.ts';
import type { Supervised } from '../../testbed/processes.ts';
import { HopelessError, waitFor, withDeadline } from '../../testbed/wait.ts';
import { readSession } from './session.ts';
import type { Stage } from './stage.ts';

export const USER_ROLE = 'queue-splitter-user';
const QSPLIT = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url));
export const WORKER = fileURLToPath(new URL('../../shop/worker.ts', import.meta.url));

type Variables = Readonly<Record<string, string | undefined>>;

/** One line of `-o json`. */
export type Entry = { time: string; event: string; level: string; message: string } & Record<string, unknown>;

export type Developer = {
  name: string;
  folder: string;
  kubeconfig: string;
  /** Writes a file into the folder in which qsplit runs. */
  write(file: string, text: string): void;
  /** Starts `qsplit <args>`. `variables` go over the developer's own; undefined removes one. */
  qsplit(args: readonly string[], variables?: Variables): Promise<QsplitRun>;
};

export type QsplitRun = {
  process: Supervised;
  /** All that qsplit and its command have written so far, on both outputs. */
  output(): string;
  entries(): Entry[];
  /** Waits for it; hopeless when qsplit ends without. */
  says(pattern: RegExp, deadlineMs?: number): Promise<RegExpMatchArray>;
  /** Waits until the session is Ready; resolves with its name. */
  ready(): Promise<string>;
  /** Asks for the end; a signal reaches qsplit alone, for a command without terminal has a group of its own. */
  signal(signal: NodeJS.Signals): void;
  /** The exit code. */
  exit(deadlineMs?: number): Promise<number>;
  /** After the end: the session for the checker. */
  line(filter: Readonly<Record<string, string>>): Promise<SessionLine>;
};

/** A service account of the shop's namespace with a token, bound to the given ClusterRole there; without one it may do nothing. */
export async function hireDeveloper(stage: Stage, name: string, role: string | undefined): Promise<Developer> {
  const { cluster } = stage;
  await cluster.kubectl(['create', 'serviceaccount', name, '-n', SHOP_NAMESPACE]);
  if (role !== undefined) {
    const subject = `--serviceaccount=${SHOP_NAMESPACE}:${name}`;
    await cluster.kubectl(['create', 'rolebinding', name, `--clusterrole=${role}`, subject, '-n', SHOP_NAMESPACE]);
  }
  const token = (await cluster.kubectl(['create', 'token', name, '-n', SHOP_NAMESPACE, '--duration=1h'])).trim();
  const folder = join(cluster.dir, 'developers', name);
  mkdirSync(folder, { recursive: true });
  const { server, authorityPem } = innerServer(cluster.innerKubeconfigPath);
  const kubeconfig = join(folder, 'kubeconfig');
  await writeKubeconfig(kubeconfig, { server, authorityPem, token, namespace: SHOP_NAMESPACE });
  return atLaptop(stage, name, folder, kubeconfig);
}

/** Somebody who may do everything in the cluster. */
export function administrator(stage: Stage): Developer {
  const folder = join(stage.cluster.dir, 'developers', 'administrator');
  mkdirSync(folder, { recursive: true });
  const kubeconfig = join(folder, 'kubeconfig');
  copyFileSync(stage.cluster.innerKubeconfigPath, kubeconfig);
  return atLaptop(stage, 'administrator', folder, kubeconfig);
}

function innerServer(path: string): { server: string; authorityPem: string } {
  const { clusters } = parse(readFileSync(path, 'utf8')) as {
    clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
  };
  const [entry] = clusters;
  if (entry === undefined) throw new Error(`${path} has no cluster`);
  const { server, 'certificate-authority-data': authority } = entry.cluster;
  return { server, authorityPem: Buffer.from(authority, 'base64').toString() };
}

function atLaptop(stage: Stage, name: string, folder: string, kubeconfig: string): Developer {
  const own: Variables = {
    PATH: process.env['PATH'],
    HOME: folder,
    KUBECONFIG: kubeconfig,
    NODE_NO_WARNINGS: '1',
    ...stage.sqs.environment,
    HISTORY_URL: stage.collector.url,
    SQS_WAIT_SECONDS: '1',
    WORKER_NAME: name,
  };
  return {
    name,
    folder,
    kubeconfig,
    write: (file, text) => writeFileSync(join(folder, file), text),
    async qsplit(args, variables = {}) {
      const env = Object.fromEntries(
        Object.entries({ ...own, ...variables }).filter(([, value]) => value !== undefined),
      );
      const started = await stage.cluster.spawnInside(process.execPath, [QSPLIT, ...args], {
        name: `qsplit-${name}`,
        cwd: folder,
        env,
        // The command's input, too. It ends when this process is gone, so that a command can see to it that it does not outlive it.
        stdin: 'pipe',
      });
      return watchRun(stage, name, started);
    },
  };
}

function watchRun(stage: Stage, reader: string, started: Supervised): QsplitRun {
  const output = () => readFileSync(started.logPath, 'utf8');
  const times: { readyAt: number | null; endRequestedAt: number | null } = { readyAt: null, endRequestedAt: null };
  let session: { name: string; startedAt: number } | undefined;
  const says = (pattern: RegExp, deadlineMs = 30_000): Promise<RegExpMatchArray> =>
    waitFor(
      `qsplit of ${reader} to say ${pattern}`,
      () => {
        const over = !started.isRunning();
        const found = output().match(pattern);
        if (found === null && over) throw new HopelessError(`qsplit ended without saying ${pattern}:\n${output()}`);
        return found;
      },
      { deadlineMs, intervalMs: 20 },
    );
  return {
    process: started,
    output,
    says,
    entries: () =>
      output()
        .split('\n')
        .filter((line) => line.startsWith('{"time":'))
        .map((line) => JSON.parse(line) as Entry),
    async ready() {
      const [, name = ''] = await says(/Session (\S+) of /);
      await says(/Ready after/, 180_000);
      times.readyAt = Date.now();
      const object = await readSession(stage, name);
      session = { name, startedAt: Date.parse(object?.metadata.creationTimestamp ?? '') };
      return name;
    },
    signal(signal) {
      times.endRequestedAt ??= Date.now();
      started.signal(signal);
    },
    async exit(deadlineMs = 60_000) {
      const { code } = await withDeadline(started.ended, `the end of qsplit of ${reader}:\n${output()}`, deadlineMs);
      return code ?? -1;
    },
    async line(filter) {
      if (session === undefined) throw new Error(`the session of ${reader} was never Ready`);
      const { name, startedAt } = session;
      await waitFor(`session ${name} to be gone`, async () => (await readSession(stage, name)) === undefined, {
        deadlineMs: 90_000,
      });
      return { name, reader, kind: 'sqs', source: ORDERS_QUEUE, filter, startedAt, ...times, endedAt: Date.now() };
    },
  };
}
