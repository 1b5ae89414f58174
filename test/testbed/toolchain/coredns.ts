/** CoreDNS with just the plugins that a test cluster needs, built from its Go module. */
import { join } from 'node:path';
import { isCached } from '../cache.ts';
import type { Progress } from '../progress.ts';
import { ensureGoPrograms } from './go-module.ts';
import type { PlannedStep } from './plan.ts';

const version = '1.14.7';
const artefact = `coredns-${version}`;
const plugins = ['bind', 'ready', 'errors', 'kubernetes', 'forward'];

const program = `package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
${plugins.map((plugin) => `\t_ "github.com/coredns/coredns/plugin/${plugin}"`).join('\n')}
)

func main() {
	dnsserver.Directives = []string{${plugins.map((plugin) => `"${plugin}"`).join(', ')}}
	coremain.Run()
}
`;

export function planCoredns(): PlannedStep[] {
  if (isCached(artefact)) return [];
  return [{ what: `CoreDNS ${version} (compiled from Go)`, minutes: 1, megabytes: 300, staysMegabytes: 50 }];
}

/** The path of the program. */
export async function ensureCoredns(progress: Progress): Promise<string> {
  const build = (detail: (text: string) => void) =>
    ensureGoPrograms(
      {
        name: artefact,
        goMod: `module queue-splitter.dev/coredns\n\ngo 1.25.0\n\nrequire github.com/coredns/coredns v${version}\n`,
        sources: { 'main.go': program },
        packages: ['.'],
      },
      detail,
    );
  const bin = isCached(artefact)
    ? await build(() => undefined)
    : await progress.step(`Building CoreDNS ${version} (once, about a minute)`, build);
  return join(bin, 'coredns');
}
