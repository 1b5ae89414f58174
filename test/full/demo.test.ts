// The demo as a newcomer runs it, seen from outside only: on a machine without a JDK, given up at several moments, and on a cluster that
// is there already. Whatever happens, nothing of it stays on the machine or in that cluster.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildImages } from '../cluster/stage/images.ts';
import { type Cluster, startCluster } from '../testbed/cluster.ts';
import { runCommand } from '../testbed/commands.ts';
import { networkNamespacePath } from '../testbed/kernel-objects.ts';
import { leftOvers } from '../testbed/left-overs.ts';
import { signalGroup } from '../testbed/process-table.ts';
import { HopelessError, waitFor, withDeadline } from '../testbed/wait.ts';

const DEMO = fileURLToPath(new URL('../../demo/main.ts', import.meta.url));
const STORY_MS = 480_000;
/** Boot, images, brokers, shop and chart, on a machine that has other things to do. */
const STAGE_MS = 240_000;
/** The end of all processes alone may take a minute: see runs.ts. */
const END_MS = 120_000;

type Run = {
  /** Its process group is its own, as that of a command in a terminal. */
  pid: number;
  stdout(): string;
  stderr(): string;
  says(pattern: RegExp, deadlineMs?: number): Promise<RegExpMatchArray>;
  exit(deadlineMs?: number): Promise<number | null>;
  /** What is left of its cluster. */
  left(): string[];
};

type Start = {
  /** `--no-kafka` unless told. */
  args?: readonly string[];
  env?: NodeJS.ProcessEnv;
  enter?: readonly string[];
};

function startDemo(t: TestContext, { args = ['--no-kafka'], env = process.env, enter = [] }: Start = {}): Run {
  const [command = process.execPath, ...rest] = [...enter, process.execPath, DEMO, '--json', ...args];
  const child: ChildProcess = spawn(command, rest, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.on('data', (chunk: Buffer) => {
      texts[name] += chunk.toString();
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const pid = child.pid ?? 0;
  t.after(async () => {
    // Asked first, so that it puts away what it has; the next start would do it otherwise.
    if (child.exitCode === null && signalGroup(pid, 'SIGTERM'))
      await withDeadline(ended, 'the end of the demo', END_MS);
  });
  return {
    pid,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    says: (pattern, deadlineMs = STAGE_MS) =>
      waitFor(
        `the demo to say ${pattern}`,
        () => {
          const found = texts.stderr.match(pattern);
          if (found === null && child.exitCode !== null) throw new HopelessError(`the demo ended:\n${texts.stderr}`);
          return found;
        },
        { deadlineMs, intervalMs: 20 },
      ),
    exit: (deadlineMs = END_MS) => withDeadline(ended, `the end of the demo, which said:\n${texts.stderr}`, deadlineMs),
    left: () => [...new Set(texts.stderr.match(/\bqs-[0-9a-f]{6}\b/g))].flatMap(leftOvers),
  };
}

/** A folder with every program of PATH but these, for PATH. */
function machineWithout(t: TestContext, ...programs: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'demo-path-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const taken = new Set(programs);
  for (const place of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of namesIn(place)) {
      if (taken.has(name) || !isProgram(join(place, name))) continue;
      taken.add(name);
      symlinkSync(join(place, name), join(folder, name));
    }
  }
  return folder;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

type Result = {
  ok: boolean;
  kafka: boolean;
  lost: string[];
  misrouted: string[];
  outOfOrder: string[];
  produced: number;
};

function assertPlayed(run: Run): void {
  const result = JSON.parse(run.stdout()) as Result;
  const { ok, kafka, lost, misrouted, outOfOrder } = result;
  assert.deepEqual(
    { ok, kafka, lost, misrouted, outOfOrder },
    { ok: true, kafka: false, lost: [], misrouted: [], outOfOrder: [] },
  );
  assert.ok(result.produced > 100, `${result.produced} orders`);
}

describe('the demo', () => {
  test('without a JDK plays the SQS half, says so before it begins, stays to be looked at with --keep, and ends well', async (t) => {
    const env = { ...process.env, PATH: machineWithout(t, 'java', 'mvn') };
    const run = startDemo(t, { args: ['--keep'], env });
    await run.says(/Only the SQS half is played\. .*the command java is missing.*apt-get install/);
    const [, shell = ''] = await run.says(/^ *sh (\S+alice\/shell\.sh)$/m, STORY_MS);
    const asAlice = async (command: string) => (await runCommand('sh', [shell, 'sh', '-c', command])).stdout;
    assert.match(await asAlice('qsplit status'), /No queue is split in namespace shop/);
    assert.match(await asAlice('kubectl auth whoami'), /system:serviceaccount:shop:alice/);
    assert.match(await asAlice('cat mirrord.json'), /"tenant": "\^alice\$"/);
    signalGroup(run.pid, 'SIGINT');
    assert.equal(await run.exit(), 0, run.stderr());
    assertPlayed(run);
    assert.match(run.stderr(), /alice presses Ctrl-C[\s\S]*✓ nothing lost, nothing misrouted, nothing out of order/);
    assert.doesNotMatch(run.stderr(), /orders-topic/);
    assert.deepEqual(run.left(), []);
  });

  const moments: readonly [string, RegExp][] = [
    ['the cluster boots', /Starting cluster qs-/],
    ['images are built', /Building the images/],
    ['helm installs the chart', /Installing queue-splitter with helm …/],
    ['pods restart for alice', /alice │ qsplit … restarting/],
  ];
  for (const [moment, pattern] of moments) {
    test(`is given up by Ctrl-C while ${moment}: nothing stays`, async (t) => {
      const run = startDemo(t);
      await run.says(pattern);
      // A terminal gives it to every process of the group.
      signalGroup(run.pid, 'SIGINT');
      assert.equal(await run.exit(), 130, run.stderr());
      assert.match(run.stderr(), /Interrupted: cleaning up/);
      assert.equal(run.stdout(), '');
      assert.deepEqual(run.left(), []);
    });
  }

  test('a second Ctrl-C does not wait, and leaves nothing either', async (t) => {
    const run = startDemo(t);
    await run.says(/Deploying the shop …/);
    signalGroup(run.pid, 'SIGTERM');
    await run.says(/Interrupted/);
    signalGroup(run.pid, 'SIGINT');
    assert.ok([130, 143].includes((await run.exit()) ?? 0), run.stderr());
    assert.deepEqual(run.left(), []);
  });
});

describe('the demo on a cluster that is there already', () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await startCluster();
  });
  after(() => cluster?.close());

  /** As if this machine were in the network of the cluster's nodes, and its pods reached it. */
  function startThere(t: TestContext, ...args: readonly string[]): Run {
    const id = cluster.dir.slice(cluster.dir.lastIndexOf('/') + 1);
    return startDemo(t, {
      args: ['--no-kafka', '--kubeconfig', cluster.innerKubeconfigPath, ...args],
      enter: ['nsenter', `--net=${networkNamespacePath(id)}`],
      env: { ...process.env, QUEUE_SPLITTER_HOST_ADDRESS: cluster.gateway },
    });
  }

  async function ofOurs(): Promise<string[]> {
    const kinds = 'namespaces,customresourcedefinitions,clusterroles,clusterrolebindings,mutatingwebhookconfigurations';
    const names = await cluster.kubectl(['get', `${kinds},validatingadmissionpolicies`, '-o', 'name']);
    return names.split('\n').filter((name) => /shop|mirrord|queue-?splitter/.test(name));
  }

  test('says which images have to be brought to its nodes, and how, when it does not know the way', async (t) => {
    const run = startThere(t);
    assert.equal(await run.exit(STAGE_MS), 1);
    const images = [...run.stderr().matchAll(/^ {2}(localhost\/\S+) {2}(\/\S+\.tar)$/gm)].map(([, name]) => name);
    assert.equal(images.length, 2, run.stderr());
    assert.match(run.stderr(), /ctr --namespace k8s\.io images import FILE.*--images-are-there/s);
    assert.deepEqual(await ofOurs(), []);
  });

  test('plays there, and puts everything away again', async (t) => {
    const { shop, product } = await buildImages();
    for (const { tarPath } of [shop, product]) await cluster.loadImage(tarPath);
    const run = startThere(t, '--images-are-there');
    assert.equal(await run.exit(STORY_MS), 0, run.stderr());
    assertPlayed(run);
    assert.match(run.stderr(), /Removing everything from /);
    assert.deepEqual(await ofOurs(), []);
  });

  test('refuses a cluster that has something of these names, and touches nothing', async (t) => {
    await cluster.kubectl(['create', 'namespace', 'shop']);
    const run = startThere(t, '--images-are-there');
    assert.equal(await run.exit(), 1);
    assert.match(run.stderr(), /has these already.*\n {2}namespace\/shop\n/);
    assert.deepEqual(await ofOurs(), ['namespace/shop']);
    await cluster.kubectl(['delete', 'namespace', 'shop']);
  });
});
