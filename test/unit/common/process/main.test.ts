import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { untilAborted } from '../../../../common/clock.ts';
import { SplitterError } from '../../../../common/errors.ts';
import { type Host, runMain } from '../../../../common/process/main.ts';
import { silentLog } from '../silent-log.ts';

class FakeHost extends EventEmitter implements Host {
  readonly exits: number[] = [];
  exit(status: number): void {
    this.exits.push(status);
  }
}

describe('runMain', () => {
  it('exits with 0 when main has put things in order after a signal', async () => {
    const host = new FakeHost();
    const ended = runMain(silentLog(), untilAborted, host);
    host.emit('SIGTERM', 'SIGTERM');
    await ended;
    assert.deepEqual(host.exits, [0]);
  });

  it('takes an interruption after a signal for a good end, and before one for a failure', async () => {
    const interrupted = new SplitterError('Interrupted', 'Stopped.');
    const stopped = new FakeHost();
    const ended = runMain(
      silentLog(),
      async (signal) => {
        await untilAborted(signal);
        throw interrupted;
      },
      stopped,
    );
    stopped.emit('SIGINT', 'SIGINT');
    await ended;
    assert.deepEqual(stopped.exits, [0]);
    const failed = new FakeHost();
    await runMain(silentLog(), () => Promise.reject(interrupted), failed);
    assert.deepEqual(failed.exits, [1]);
  });

  it('says that work was left when an interruption is no good end', async () => {
    const host = new FakeHost();
    const log = silentLog();
    const main = async (signal: AbortSignal): Promise<void> => {
      await untilAborted(signal);
      throw new SplitterError('Interrupted', 'splits are left');
    };
    const ended = runMain(log, main, host, 1);
    host.emit('SIGTERM', 'SIGTERM');
    await ended;
    assert.deepEqual(host.exits, [1]);
    assert.deepEqual(
      [log.entries.at(-1)?.level, log.entries.at(-1)?.message],
      ['error', 'stopped before the work was done'],
    );
  });

  it('exits with 1 and one log line with the code when something is thrown', async () => {
    const host = new FakeHost();
    const log = silentLog();
    await runMain(log, () => Promise.reject(new SplitterError('InvalidConfig', 'PORT is not set.')), host);
    assert.deepEqual(host.exits, [1]);
    assert.equal(log.entries.length, 1);
    const [entry] = log.entries as { facts: { code: string } }[];
    assert.equal(entry?.facts.code, 'InvalidConfig');
    for (const event of ['uncaughtException', 'unhandledRejection']) {
      const other = new FakeHost();
      void runMain(silentLog(), untilAborted, other);
      other.emit(event, new Error('from nowhere'));
      assert.deepEqual(other.exits, [1]);
    }
  });

  it('exits at once on a second signal', () => {
    const host = new FakeHost();
    void runMain(silentLog(), () => new Promise(() => {}), host);
    host.emit('SIGTERM', 'SIGTERM');
    assert.deepEqual(host.exits, []);
    host.emit('SIGINT', 'SIGINT');
    assert.deepEqual(host.exits, [130]);
  });

  it('does so in a real process', async () => {
    const main = fileURLToPath(new URL('../../../../common/process/main.ts', import.meta.url));
    const program = `
      const { runMain } = await import(${JSON.stringify(main)});
      const log = { info: (facts, text) => console.log(text), warn() {}, error() {}, debug() {} };
      const server = (await import('node:net')).createServer().listen(0);
      await runMain(log, async (signal) => {
        console.log('running');
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        server.close();
      });`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk;
      if (output === 'running\n') child.kill('SIGTERM');
    });
    const [code, signal] = await once(child, 'exit');
    assert.deepEqual([code, signal, output], [0, null, 'running\nstopping\n']);
  });
});
