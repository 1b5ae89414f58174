/** Proves the parts of the testbed that need no cluster: waiting, the cache, runs and their processes, archives. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { cached, cacheRoot, cleanCache, sizeOf } from './cache.ts';
import { CommandError, runCommand } from './commands.ts';
import { buildImage } from './image.ts';
import { identify, isAlive } from './process-table.ts';
import { spawnSupervised } from './processes.ts';
import { createProgress } from './progress.ts';
import { openRun } from './runs.ts';
import { writeTar } from './tar-writer.ts';
import { type Machine, requireMachine } from './toolchain/machine.ts';
import { describePlan } from './toolchain/plan.ts';
import { readZipEntry } from './toolchain/zip.ts';
import { DeadlineError, HopelessError, waitFor, waitForSync, withDeadline } from './wait.ts';

const outerCache = process.env['QUEUE_SPLITTER_CACHE'];
let directory = '';

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'qs-parts-'));
  process.env['QUEUE_SPLITTER_CACHE'] = join(directory, 'cache');
});

after(() => {
  if (outerCache === undefined) delete process.env['QUEUE_SPLITTER_CACHE'];
  else process.env['QUEUE_SPLITTER_CACHE'] = outerCache;
  rmSync(directory, { recursive: true, force: true });
});

describe('waitFor', () => {
  test('returns the first value that is there', async () => {
    let looks = 0;
    const value = await waitFor('three looks', () => ++looks === 3 && 'there', { deadlineMs: 5_000, intervalMs: 1 });
    assert.equal(value, 'there');
  });

  test('names what it waited for, and the last error, on the deadline', async () => {
    const never = waitFor('the moon', () => Promise.reject(new Error('too far')), { deadlineMs: 20, intervalMs: 1 });
    await assert.rejects(never, (error: unknown) => {
      assert.ok(error instanceof DeadlineError);
      assert.equal(error.what, 'the moon');
      assert.match(error.message, /^Waited 20 ms for the moon.*too far/);
      return true;
    });
  });

  test('ends a look that hangs', async () => {
    const hanging = waitFor('an answer', () => new Promise<string>(() => undefined), { deadlineMs: 20, intervalMs: 5 });
    await assert.rejects(hanging, DeadlineError);
  });

  test('stops at once when there is no hope', async () => {
    const hopeless = () => {
      throw new HopelessError('it is dead');
    };
    await assert.rejects(waitFor('life', hopeless, { deadlineMs: 60_000 }), /it is dead/);
  });

  test('has a form without an event loop, and one for a promise', async () => {
    assert.equal(
      waitForSync(() => true, 10),
      true,
    );
    assert.equal(
      waitForSync(() => false, 10),
      false,
    );
    assert.equal(await withDeadline(Promise.resolve(1), 'one', 1_000), 1);
    await assert.rejects(withDeadline(new Promise(() => undefined), 'nothing', 5), /nothing/);
  });
});

describe('the cache', () => {
  test('builds once for many that ask at the same time', async () => {
    let builds = 0;
    const build = async (aside: string) => {
      builds += 1;
      writeFileSync(join(aside, 'content'), 'x'.repeat(10_000));
    };
    const paths = await Promise.all([1, 2, 3].map(() => cached('thing-1', build)));
    assert.equal(builds, 1);
    assert.deepEqual(new Set(paths), new Set([join(cacheRoot(), 'thing-1')]));
    assert.ok((await sizeOf(cacheRoot())) >= 10_000);
  });

  test('keeps nothing of a build that failed', async () => {
    const failing = cached('thing-2', async (aside) => {
      writeFileSync(join(aside, 'half'), '');
      throw new Error('no');
    });
    await assert.rejects(failing, /no/);
    assert.equal(existsSync(join(cacheRoot(), 'thing-2')), false);
    await cached('thing-2', async () => undefined);
  });

  test('takes over the lock of a dead process', async () => {
    const dead = JSON.stringify({ pid: process.pid, startTime: 'another' });
    writeFileSync(join(cacheRoot(), '.lock-thing-3'), dead);
    await cached('thing-3', async () => undefined);
    assert.equal(existsSync(join(cacheRoot(), '.lock-thing-3')), false);
  });

  test('can be removed whole', async () => {
    assert.ok((await cleanCache()) > 0);
    assert.equal(existsSync(cacheRoot()), false);
  });
});

describe('a run', () => {
  test('ends its processes, with their children, and removes its files', async () => {
    const run = openRun();
    const sleeper = await spawnSupervised(run, 'sh', ['-c', 'echo begun; sleep 600 & wait'], { name: 'sleeper' });
    const identity = identify(sleeper.pid);
    assert.ok(identity && isAlive(identity));
    await waitFor('its first line', () => sleeper.tail() === 'begun', { deadlineMs: 5_000 });
    await run.destroy();
    await run.destroy();
    assert.equal(isAlive(identity), false);
    assert.equal(existsSync(run.directory), false);
    assert.deepEqual(await sleeper.ended, { code: null, signal: 'SIGKILL' });
  });

  test('kills a program that ignores SIGTERM after its grace', async () => {
    const run = openRun();
    try {
      const stubborn = await spawnSupervised(run, 'sh', ['-c', 'trap "" TERM; echo begun; while :; do sleep 1; done'], {
        name: 'stubborn',
      });
      await waitFor('its first line', () => stubborn.tail() === 'begun', { deadlineMs: 5_000 });
      await stubborn.stop(50);
      assert.equal(stubborn.isRunning(), false);
    } finally {
      await run.destroy();
    }
  });

  test('says which program cannot be started', async () => {
    const run = openRun();
    try {
      const broken = await spawnSupervised(run, 'no-such-program', [], { name: 'broken' });
      await broken.ended;
      assert.match(broken.tail(), /no-such-program/);
    } finally {
      await run.destroy();
    }
  });
});

describe('commands', () => {
  test('hand back outputs, and fail with them', async () => {
    const result = await runCommand('cat', [], { input: 'hello' });
    assert.deepEqual(result, { code: 0, stdout: 'hello', stderr: '' });
    await assert.rejects(runCommand('sh', ['-c', 'echo bad >&2; exit 3']), (error: unknown) => {
      assert.ok(error instanceof CommandError);
      assert.equal(error.result.code, 3);
      assert.match(error.message, /code 3: bad/);
      return true;
    });
    await assert.rejects(runCommand('sleep', ['600'], { deadlineMs: 20 }), DeadlineError);
  });
});

describe('progress', () => {
  test('without a terminal writes a line at the start and at the end', async () => {
    let written = '';
    const progress = createProgress({ stream: { write: (text) => (written += text) } });
    await progress.step('Doing it', async () => undefined);
    await assert.rejects(
      progress.step('Failing', async () => {
        throw new Error('no');
      }),
    );
    assert.match(written, /^Doing it …\nDoing it: done \(\d\.\d s\)\nFailing …\nFailing: failed \(\d\.\d s\)\n$/);
  });

  test('on a terminal keeps one line', async () => {
    let written = '';
    const progress = createProgress({ stream: { isTTY: true, columns: 40, write: (text) => (written += text) } });
    await progress.step('Doing it', async () => undefined);
    assert.match(written, /✓ Doing it \(\d\.\d s\)\n$/);
  });

  test('says what has to be built', () => {
    assert.equal(describePlan([]), undefined);
    const steps = [{ what: 'a thing', minutes: 4.6, megabytes: 1500 }];
    assert.equal(describePlan(steps), 'Once on this machine, about 5 minutes and 1.5 GB of disk:\n  - a thing');
    const shrinking = [{ what: 'a thing', minutes: 1, megabytes: 1500, staysMegabytes: 400 }];
    assert.match(describePlan(shrinking) ?? '', /about 1 minute and 1\.5 GB of disk, of which 400 MB stay:/);
  });
});

describe('archives', () => {
  test('tar: another program reads what was written, long names too', () => {
    const path = join(directory, 'one.tar');
    const longName = `folder/${'n'.repeat(120)}`;
    const digest = writeTar(path, [
      { type: 'directory', name: 'folder', mode: 0o755 },
      { type: 'file', name: longName, mode: 0o644, content: Buffer.from('long') },
      { type: 'link', name: 'folder/link', target: longName },
    ]);
    assert.match(digest, /^[0-9a-f]{64}$/);
    const listed = execFileSync('tar', ['-tf', path], { encoding: 'utf8' });
    assert.deepEqual(listed.trim().split('\n'), ['folder/', longName, 'folder/link']);
    assert.equal(execFileSync('tar', ['-xOf', path, longName], { encoding: 'utf8' }), 'long');
  });

  test('zip: reads what is stored and what is deflated', () => {
    const archive = zipOf('folder/name', Buffer.from('content '.repeat(100)));
    assert.equal(readZipEntry(archive, 'folder/name').toString(), 'content '.repeat(100));
    assert.throws(() => readZipEntry(archive, 'other'), /no file other/);
    assert.throws(() => readZipEntry(Buffer.alloc(100), 'other'), /not a zip/);
  });

  test('image: the same content is the same image, and is built once', async () => {
    const build = (text: string) =>
      buildImage({ name: 'localhost/x:1', layers: [[{ text, to: '/a/b' }]], entrypoint: ['/a/b'] });
    const [first, second, other] = [await build('one'), await build('one'), await build('two')];
    assert.equal(first.tarPath, second.tarPath);
    assert.notEqual(first.tarPath, other.tarPath);
    const listed = execFileSync('tar', ['-tf', first.tarPath], { encoding: 'utf8' });
    assert.match(listed, /^[0-9a-f]{64}\/layer\.tar\n[0-9a-f]{64}\.json\nmanifest\.json\n$/);
    const before = readFileSync(first.tarPath);
    await cleanCache();
    assert.deepEqual(readFileSync((await build('one')).tarPath), before);
  });
});

/** A zip archive with one deflated file (APPNOTE.TXT 4.3.6); checksums stay 0, for the reader does not look at them. */
function zipOf(name: string, content: Buffer): Buffer {
  const packed = deflateRawSync(content);
  const local = Buffer.alloc(30 + name.length);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(name.length, 26);
  local.write(name, 30);
  const entry = Buffer.alloc(46 + name.length);
  entry.writeUInt32LE(0x02014b50, 0);
  entry.writeUInt16LE(8, 10);
  entry.writeUInt32LE(packed.length, 20);
  entry.writeUInt32LE(content.length, 24);
  entry.writeUInt16LE(name.length, 28);
  entry.write(name, 46);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt32LE(local.length + packed.length, 16);
  return Buffer.concat([local, packed, entry, end]);
}

describe('what the machine lacks', () => {
  const machine = (userId: number, works: readonly string[]): Machine => ({
    platform: 'linux',
    userId,
    answers: async (command, args) => works.includes([command, ...args].join(' ')),
  });
  const NAMESPACES = ['unshare --version', 'unshare --net --mount --pid --fork true'];

  test('is said all at once, and nothing of it when nothing is missing', async () => {
    await requireMachine(true, machine(0, [...NAMESPACES, 'go version']));
    await requireMachine(false, machine(0, NAMESPACES));
    await requireMachine(false, machine(0, []));
    await assert.rejects(requireMachine(true, machine(1000, NAMESPACES)), {
      message: /Missing: root, .*; Go 1\.25 .*--kubeconfig PATH/,
    });
    await assert.rejects(requireMachine(false, machine(0, ['unshare --version'])), /the right to make namespaces/);
    await assert.rejects(requireMachine(true, { ...machine(0, []), platform: 'darwin' }), {
      message: /Missing: Linux \(this is darwin\)\./,
    });
  });
});
