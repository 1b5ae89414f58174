import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const INTERRUPTION = fileURLToPath(new URL('../../../demo/interruption.ts', import.meta.url));

/** Waits in a command that blocks everything and that Ctrl-C ends as well, so that its failure is seen before the signal. */
const PROGRAM = `
  import { spawnSync } from 'node:child_process';
  import { awaitInterruption } from ${JSON.stringify(INTERRUPTION)};
  const interruption = awaitInterruption(() => undefined);
  const work = (async () => {
    const { status } = spawnSync('sh', ['-c', 'echo waiting; exec sleep 60'], { stdio: ['ignore', 'inherit', 'inherit'] });
    if (status !== 0) throw new Error('the command failed');
  })();
  await interruption.before(work).catch((error) => {
    process.stdout.write(error.message);
    process.exit(error.exitCode ?? 1);
  });
`;

test('a command that Ctrl-C ends together with us is no failure of its own', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    if (said === 'waiting\n') process.kill(-(child.pid ?? 0), 'SIGINT');
  });
  const [code] = await once(child, 'close');
  assert.equal(said, 'waiting\ninterrupted by SIGINT');
  assert.equal(code, 130);
});
