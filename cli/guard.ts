// Ends the command when qsplit is killed in a way that it cannot handle (kill -9, out of memory): nobody shall go on reading the queue of
// a session without a heart. A small shell outside of our terminal and process group waits for the end of its input, which only qsplit
// holds. Never acts while qsplit lives (docs/adr/0009-the-command-ends-with-qsplit.md).
import { spawn } from 'node:child_process';

/** As long as `afterLoss` gives a command: SIGTERM, ten seconds, SIGKILL. */
const SCRIPT = `
read -r released && exit
kill -s TERM -- "$1" || exit
for second in 1 2 3 4 5 6 7 8 9 10; do
  sleep 1
  kill -s 0 -- "$1" || exit
done
kill -s KILL -- "$1"
`;

/**
 * @param target what `kill` takes: a process id, or minus the id of a process group.
 * @returns how to send the guard away, once the command has ended. Without a POSIX shell (Windows) there is no guard.
 */
export function guardCommand(target: number, platform: NodeJS.Platform): () => void {
  if (platform === 'win32') return () => undefined;
  const guard = spawn('/bin/sh', ['-c', SCRIPT, 'qsplit-guard', String(target)], {
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Whoever cannot start it has what there was before: a command that outlives a killed qsplit.
  guard.on('error', () => undefined);
  guard.stdin.on('error', () => undefined);
  guard.unref();
  return () => guard.stdin.end('released\n');
}
