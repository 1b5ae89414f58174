// What environment a container will have, and from where, by the kubelet's rules. Pure: ConfigMaps are given, nothing is fetched.
// Source: kubernetes/kubernetes `pkg/kubelet/kubelet_pods.go`, makeEnvironmentVariables. Secrets, the downward API and files are never
// read: what comes from them is `unreadable`, and so is what refers to it.
import type { ErrorCode } from '../errors.ts';
import { parseReferences } from './expansion.ts';
import type { ConfigMap, ConfigMaps, Container, EnvFromSource, EnvVar, EnvVarSource, PodSpec } from './pod-spec.ts';

export type ReadableVariable = {
  value: string;
  /** For people: `env value`, `configMapKeyRef <name>/<key>`, `envFrom configMap <name>`. */
  origin: string;
  /** Something that may make the value another one in the running container. */
  warning?: string;
};

export type UnreadableVariable = {
  /** What was found there, as the second half of a sentence that begins with the variable's name. */
  unreadable: string;
  code: Extract<ErrorCode, 'VariableUnreadable' | 'ConfigMapMissing'>;
};

export type Variable = ReadableVariable | UnreadableVariable;

export const isReadable = (variable: Variable): variable is ReadableVariable => 'value' in variable;

export type Environment = {
  container: string;
  /** Only variables that the pod template makes; those of the image and of Services are unknown. */
  variables: ReadonlyMap<string, Variable>;
  /** Sources whose variables cannot be listed, for example `Secret db (envFrom)`: a variable that is not in the map may be in one of them. */
  opaqueSources: readonly string[];
};

/** The ConfigMaps that `resolveEnvironment` needs for any container of the template, each once. */
export function referencedConfigMaps(template: PodSpec): string[] {
  const names = new Set<string>();
  for (const container of [...(template.initContainers ?? []), ...template.containers]) {
    for (const { configMapRef } of container.envFrom ?? []) if (configMapRef?.name) names.add(configMapRef.name);
    for (const { valueFrom } of container.env ?? [])
      if (valueFrom?.configMapKeyRef?.name) names.add(valueFrom.configMapKeyRef.name);
  }
  return [...names];
}

/** Never throws; what cannot be known is said for each variable. */
export function resolveEnvironment(container: Container, configMaps: ConfigMaps): Environment {
  const variables = new Map<string, Variable>();
  const opaqueSources: string[] = [];
  for (const source of container.envFrom ?? []) loadAll(source, configMaps, variables, opaqueSources);
  for (const entry of container.env ?? []) {
    const variable = resolveEntry(entry, configMaps, variables, opaqueSources);
    if (variable !== undefined) variables.set(entry.name, variable);
  }
  return { container: container.name, variables, opaqueSources };
}

function loadAll(
  { prefix = '', configMapRef, secretRef }: EnvFromSource,
  configMaps: ConfigMaps,
  variables: Map<string, Variable>,
  opaqueSources: string[],
): void {
  if (secretRef !== undefined) {
    const source = `Secret ${secretRef.name ?? ''} (envFrom)`;
    opaqueSources.push(source);
    warnOfOverwrite(variables, prefix, source);
  }
  if (configMapRef === undefined) return;
  const name = configMapRef.name ?? '';
  const configMap = configMaps.get(name);
  if (configMap === undefined && configMapRef.optional !== true) {
    opaqueSources.push(`ConfigMap ${name} (envFrom), which does not exist`);
  }
  // `binaryData` is no source of variables, and values from ConfigMaps are not expanded.
  for (const [key, value] of Object.entries(configMap?.data ?? {})) {
    variables.set(prefix + key, { value, origin: `envFrom configMap ${name}` });
  }
}

/** A later source overwrites an earlier one, so what we read before a Secret may not be what the container sees. */
function warnOfOverwrite(variables: Map<string, Variable>, prefix: string, source: string): void {
  for (const [name, variable] of variables) {
    if (!isReadable(variable) || !name.startsWith(prefix)) continue;
    variables.set(name, { ...variable, warning: `${source} comes later and may overwrite it` });
  }
}

/** `undefined`: the kubelet skips the entry, and an earlier value of that name stays. */
function resolveEntry(
  entry: EnvVar,
  configMaps: ConfigMaps,
  variables: ReadonlyMap<string, Variable>,
  opaqueSources: readonly string[],
): Variable | undefined {
  if (entry.value !== undefined && entry.value !== '') return expand(entry.value, variables, opaqueSources);
  if (entry.valueFrom === undefined) return { value: '', origin: 'env value' };
  return fromSource(entry.valueFrom, configMaps);
}

function fromSource(source: EnvVarSource, configMaps: ConfigMaps): Variable | undefined {
  const { configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef, fileKeyRef } = source;
  if (configMapKeyRef !== undefined) return fromConfigMap(configMapKeyRef, configMaps);
  if (secretKeyRef !== undefined)
    return unreadable(`comes from the Secret ${secretKeyRef.name ?? ''}, key ${secretKeyRef.key}`);
  if (fieldRef !== undefined) return unreadable(`comes from the pod's field ${fieldRef.fieldPath}`);
  if (resourceFieldRef !== undefined)
    return unreadable(`comes from the container's resource ${resourceFieldRef.resource}`);
  if (fileKeyRef !== undefined) return unreadable(`comes from the file ${fileKeyRef.path}, key ${fileKeyRef.key}`);
  return unreadable(`has a source of an unknown kind (${Object.keys(source).join(', ') || 'empty valueFrom'})`);
}

function fromConfigMap(
  { name = '', key, optional }: { name?: string; key: string; optional?: boolean },
  configMaps: ConfigMaps,
): Variable | undefined {
  const configMap: ConfigMap | undefined = configMaps.get(name);
  const value = configMap?.data?.[key];
  if (value !== undefined) return { value, origin: `configMapKeyRef ${name}/${key}` };
  if (optional === true) return undefined;
  if (configMap === undefined) {
    return { code: 'ConfigMapMissing', unreadable: `comes from the ConfigMap ${name}, which does not exist` };
  }
  const binary =
    configMap.binaryData?.[key] !== undefined ? ' (it is in binaryData, which is no source of variables)' : '';
  return { code: 'ConfigMapMissing', unreadable: `comes from the ConfigMap ${name}, which has no key ${key}${binary}` };
}

/** References see what is set so far; unknown ones stay as text, unless they look like a Service's variable, which we cannot know. */
function expand(value: string, variables: ReadonlyMap<string, Variable>, opaqueSources: readonly string[]): Variable {
  let expanded = '';
  let warning: string | undefined;
  for (const part of parseReferences(value)) {
    if ('text' in part) {
      expanded += part.text;
      continue;
    }
    const name = part.reference;
    const referred = variables.get(name);
    if (referred === undefined) {
      if (mayBeService(name)) return unreadable(`refers to $(${name}), a variable of a Service`);
      if (opaqueSources.length > 0)
        return unreadable(`refers to $(${name}), which may be in ${opaqueSources.join(', ')}`);
      expanded += `$(${name})`;
      continue;
    }
    if (!isReadable(referred)) {
      return { code: referred.code, unreadable: `refers to $(${name}), which ${referred.unreadable}` };
    }
    expanded += referred.value;
    warning ??= referred.warning;
  }
  return { value: expanded, origin: 'env value', ...(warning === undefined ? {} : { warning }) };
}

const unreadable = (what: string): UnreadableVariable => ({ code: 'VariableUnreadable', unreadable: what });

/** https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables */
const mayBeService = (name: string): boolean =>
  /^[A-Z][A-Z0-9_]*_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/.test(
    name,
  );
