/** The image of the container that holds a pod's namespaces. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, isCached } from '../cache.ts';
import { runCommand } from '../commands.ts';
import { pauseImageName } from '../containerd.ts';
import { type BuiltImage, buildImage } from '../image.ts';
import type { PlannedStep } from './plan.ts';

const artefact = 'pause-1';

const source = `#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static void stop(int number) { (void)number; _exit(0); }
static void reap(int number) { (void)number; while (waitpid(-1, 0, WNOHANG) > 0) {} }
int main(void) { signal(SIGTERM, stop); signal(SIGINT, stop); signal(SIGCHLD, reap); for (;;) pause(); }
`;

export function planPause(): PlannedStep[] {
  return isCached(artefact) ? [] : [{ what: 'the pause image (compiled from C)', minutes: 0, megabytes: 1 }];
}

export async function ensurePauseImage(): Promise<BuiltImage> {
  const directory = await cached(artefact, async (aside) => {
    await writeFile(join(aside, 'pause.c'), source);
    await runCommand('gcc', ['-Os', '-static', '-s', '-o', 'pause', 'pause.c'], { cwd: aside });
    await rm(join(aside, 'pause.c'));
  });
  return buildImage({
    name: pauseImageName,
    layers: [[{ from: join(directory, 'pause'), to: '/pause' }]],
    entrypoint: ['/pause'],
  });
}
