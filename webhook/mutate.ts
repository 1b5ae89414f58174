// What changes in a pod of a split target: the prepared values in its environment and the label that proves it. Pure; nothing else in the
// pod is touched. The kubelet's rules for environments are in common/env.
import { PATCHED_LABEL } from '../api/constants.ts';
import { type EnvironmentVariable, PATCHING_PHASES, type WorkloadSplitSpec } from '../api/kinds/workload-split.ts';
import { escapeReferences } from '../common/env/expansion.ts';

type EnvVariable = { name: string; value?: string | undefined; valueFrom?: unknown };
type Container = { name: string; env?: EnvVariable[] | null | undefined };

/** The part of a pod that we look at. */
export type Pod = {
  metadata: { labels?: Record<string, string> | null | undefined };
  spec: { containers: Container[]; initContainers?: Container[] | null | undefined };
};

/** The part of a split that the webhook obeys. */
export type Injection = Pick<WorkloadSplitSpec, 'phase' | 'token' | 'environment' | 'environmentRevision'>;

export type PatchOperation = { op: 'add' | 'replace'; path: string; value: unknown };

/** `reason` is for metrics and logs. No operations with reason `already_patched`: the pod is as it should be. */
export type Mutation = {
  operations: PatchOperation[];
  reason: 'patched' | 'already_patched' | 'phase' | 'not_prepared' | 'container_missing';
};

/**
 * JSON patch (RFC 6902) for one pod. Applied to its own result it has nothing to do.
 * A pod that lacks a container named in the environment is left alone: under another name that container may read the original queue, so it
 * cannot have the label, which is the proof that none does; and what has no label is not taken off a temporary queue at the end.
 */
export function mutate(pod: Pod, split: Injection): Mutation {
  if (!PATCHING_PHASES.has(split.phase)) return { operations: [], reason: 'phase' };
  if (split.token === undefined || split.environment.length === 0) return { operations: [], reason: 'not_prepared' };
  if (!hasAllContainers(pod, split.environment)) return { operations: [], reason: 'container_missing' };
  const operations = [
    ...patchContainers('/spec/initContainers', pod.spec.initContainers ?? [], split.environment),
    ...patchContainers('/spec/containers', pod.spec.containers, split.environment),
    ...patchLabel(pod, split.token),
  ];
  return { operations, reason: operations.length > 0 ? 'patched' : 'already_patched' };
}

function hasAllContainers(pod: Pod, environment: readonly EnvironmentVariable[]): boolean {
  const names = new Set(
    [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].map((container) => container.name),
  );
  return environment.every((variable) => names.has(variable.container));
}

function patchContainers(
  path: string,
  containers: readonly Container[],
  environment: readonly EnvironmentVariable[],
): PatchOperation[] {
  return containers.flatMap((container, index) =>
    patchEnvironment(
      `${path}/${index}/env`,
      container.env,
      environment.filter((variable) => variable.container === container.name),
    ),
  );
}

/** Replacements first: insertions at the front move the indices. */
function patchEnvironment(
  path: string,
  present: Container['env'],
  wanted: readonly EnvironmentVariable[],
): PatchOperation[] {
  const replacements: PatchOperation[] = [];
  const insertions: PatchOperation[] = [];
  for (const { variable, value } of wanted) {
    const entry = { name: variable, value: escapeReferences(value) };
    const { indices, certain } = effectiveEntries(present ?? [], variable);
    for (const index of indices) {
      if (!isSame(present?.[index], entry))
        replacements.push({ op: 'replace', path: `${path}/${index}`, value: entry });
    }
    // Set by envFrom or not at all: in front, so that $(NAME) in every later entry sees it.
    if (!certain) insertions.push({ op: 'add', path: `${path}/0`, value: entry });
  }
  if (insertions.length > 0 && !present) insertions.unshift({ op: 'add', path, value: [] });
  return [...replacements, ...insertions];
}

/**
 * The entries that can decide the variable's value: the last one, and, as the kubelet skips an entry whose optional source is missing,
 * those before it up to one that is never skipped. `certain` is false when there is no such one.
 */
function effectiveEntries(env: readonly EnvVariable[], name: string): { indices: number[]; certain: boolean } {
  const indices: number[] = [];
  for (let index = env.length - 1; index >= 0; index -= 1) {
    const entry = env[index];
    if (entry?.name !== name) continue;
    indices.push(index);
    if (!isOptional(entry)) return { indices, certain: true };
  }
  return { indices, certain: false };
}

function isOptional({ valueFrom }: EnvVariable): boolean {
  if (typeof valueFrom !== 'object' || valueFrom === null) return false;
  return Object.values(valueFrom).some(
    (source) => typeof source === 'object' && source !== null && 'optional' in source && source.optional === true,
  );
}

/** The API server leaves an empty value out. */
function isSame(present: EnvVariable | undefined, wanted: { name: string; value: string }): boolean {
  return present !== undefined && !present.valueFrom && (present.value ?? '') === wanted.value;
}

function patchLabel(pod: Pod, token: string): PatchOperation[] {
  const { labels } = pod.metadata;
  if (labels?.[PATCHED_LABEL] === token) return [];
  const label: PatchOperation = { op: 'add', path: `/metadata/labels/${escapePointer(PATCHED_LABEL)}`, value: token };
  return labels ? [label] : [{ op: 'add', path: '/metadata/labels', value: {} }, label];
}

/** RFC 6901. */
function escapePointer(segment: string): string {
  return segment.replaceAll('~', '~0').replaceAll('/', '~1');
}
