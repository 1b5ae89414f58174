// Renders the chart with real Helm for the tests of this folder. Needs no cluster.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';
import { runCommand } from '../testbed/commands.ts';
import { createProgress } from '../testbed/progress.ts';
import { ensureHelm } from '../testbed/toolchain/helm.ts';

export const CHART = fileURLToPath(new URL('../../charts/queue-splitter', import.meta.url));
export const NAMESPACE = 'queues';

export type Values = Record<string, unknown>;

export type Manifest = {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  [field: string]: unknown;
};

const binaries = await ensureHelm(createProgress());

/** Everything that is off unless asked for, on. */
export const EVERYTHING: Values = {
  networkPolicy: { enabled: true },
  monitoring: { podMonitor: { enabled: true }, prometheusRule: { enabled: true }, dashboard: { enabled: true } },
};

/** What `helm template` writes, hooks included. Rejects with Helm's own words. */
export async function renderText(values: Values = {}, version: 3 | 4 = 4): Promise<string> {
  const helm = version === 3 ? binaries.helm3 : binaries.helm4;
  const args = ['template', 'queue-splitter', CHART, '--namespace', NAMESPACE, '--values', '-'];
  const { stdout } = await runCommand(helm, args, { input: JSON.stringify(values) });
  return stdout;
}

export async function render(values: Values = {}, version: 3 | 4 = 4): Promise<Manifest[]> {
  return parseAllDocuments(await renderText(values, version))
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

export async function defaultValues(): Promise<Values> {
  return parse(await readFile(join(CHART, 'values.yaml'), 'utf8')) as Values;
}

export type Leaf = { path: string[]; value: unknown };

/** Maps that are one value for whoever sets them. */
const WHOLE = new Set(['resources', 'labels']);

/** Every value that somebody may set, by its path. */
export function leaves(values: Values, path: string[] = []): Leaf[] {
  return Object.entries(values).flatMap(([key, value]) => {
    const here = [...path, key];
    const isGroup = isMap(value) && Object.keys(value).length > 0 && !WHOLE.has(key);
    return isGroup ? leaves(value, here) : [{ path: here, value }];
  });
}

/** `values` with one more value; maps are merged as Helm does. */
export function withValue(values: Values, [key = '', ...rest]: readonly string[], value: unknown): Values {
  if (rest.length === 0) return { ...values, [key]: value };
  const inner = values[key];
  return { ...values, [key]: withValue(isMap(inner) ? inner : {}, rest, value) };
}

export function ofKind(manifests: readonly Manifest[], ...kinds: string[]): Manifest[] {
  return manifests.filter(({ kind }) => kinds.includes(kind));
}

export function named(manifests: readonly Manifest[], kind: string, name: string): Manifest {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (found === undefined) throw new Error(`The chart renders no ${kind} ${name}.`);
  return found;
}

function isMap(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
