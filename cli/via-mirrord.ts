// `--via mirrord`: our session, mirrord's process. mirrord gets the developer's own configuration without the part that its closed
// operator would do, and with the session's variables in its environment override.
import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SplitterError } from '../common/errors.ts';

type JsonObject = Record<string, unknown>;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

type MirrordTarget = { path: string; namespace: string; kubeconfig?: string; context?: string };

/** Pure. Everything that we do not answer for stays as it was written, templates included. */
export function mirrordConfig(
  written: JsonObject,
  target: MirrordTarget,
  variables: Record<string, string>,
): JsonObject {
  const writtenFeature = isObject(written['feature']) ? written['feature'] : {};
  const { split_queues: _ours, ...feature } = writtenFeature;
  return {
    ...written,
    target: { path: target.path, namespace: target.namespace },
    ...(target.kubeconfig === undefined ? {} : { kubeconfig: target.kubeconfig }),
    ...(target.context === undefined ? {} : { kube_context: target.context }),
    feature: { ...feature, env: overridden(feature['env'], variables) },
  };
}

/** `env` may be an object or true; false means "no remote variables", which must not turn ours away. */
function overridden(env: unknown, variables: Record<string, string>): JsonObject {
  const settings = isObject(env) ? env : env === false ? { exclude: '*' } : {};
  const written = isObject(settings['override']) ? settings['override'] : {};
  return { ...settings, override: { ...written, ...variables } };
}

export type Invocation = { command: string; args: string[] };

/** Writes the configuration for the time of `run` into a file that only this user reads. */
export async function withMirrord<T>(
  config: JsonObject,
  invocation: Invocation,
  run: (invocation: Invocation) => Promise<T>,
): Promise<T> {
  const file = join(tmpdir(), `qsplit-mirrord-${randomUUID()}.json`);
  await writeFile(file, JSON.stringify(config, undefined, 2), { mode: 0o600, flag: 'wx' });
  try {
    return await run({
      command: 'mirrord',
      args: ['exec', '-f', file, '--', invocation.command, ...invocation.args],
    });
  } finally {
    await rm(file, { force: true });
  }
}

export function mirrordMissing(): SplitterError {
  return new SplitterError('InvalidConfig', '--via mirrord needs the program mirrord, and it is not in PATH', {
    details: { hint: 'install it (https://metalbear.com/mirrord/docs/overview/quick-start) or leave out --via' },
  });
}
