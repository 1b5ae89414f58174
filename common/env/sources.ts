// Finds the variables that hold queue names, topics or consumer groups in the resolved environments of a target. Pure.
// Every refusal names container, variable, what was found there and what to do.
import { SplitterError } from '../errors.ts';
import { compilePattern, PatternError } from '../filter/pattern.ts';
import { parseNamesJson } from './names-json.ts';
import type { Container, PodSpec } from './pod-spec.ts';
import { type Environment, isReadable, type ReadableVariable } from './resolve.ts';

/** Where a declaration says that names are. */
export type NameSource = {
  /** Absent: every container that has the variable. */
  container?: string;
  /** One variable by name, or all whose name the pattern is found in. */
  match: { variable: string } | { pattern: string };
  /** Taken where the template does not have the variable, which is then added. The registry calls it `fallbackName`. */
  defaultValue?: string;
  /** The value is a JSON object whose values are the names. */
  jsonMap: boolean;
};

export type FoundVariable = {
  container: string;
  variable: string;
  /** The value as the application sees it. */
  value: string;
  origin: string;
  warning?: string;
  /** The names in the value, in order: one, or those of the JSON object. */
  names: readonly string[];
  jsonMap: boolean;
};

/**
 * The containers that a source looks at: the named one, init containers included, or all that run as long as the pod does: init containers
 * that are restarted are sidecars (KEP-753).
 */
export function selectContainers(template: PodSpec, container?: string): Container[] {
  const sidecars = (template.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  if (container === undefined) return [...template.containers, ...sidecars];
  const all = [...template.containers, ...(template.initContainers ?? [])];
  const named = all.filter(({ name }) => name === container);
  if (named.length > 0) return named;
  throw new SplitterError(
    'VariableMissing',
    `The target has no container ${container}; it has ${all.map(({ name }) => name).join(', ')}. Correct the container in the queue's declaration.`,
  );
}

/**
 * All variables of one source, in the order of the environments.
 * @param environments those of the containers that `selectContainers` gave for the source.
 * @param queueId for messages.
 * @throws SplitterError `VariableMissing`, `VariableUnreadable`, `ConfigMapMissing`, `InvalidConfig` (pattern).
 */
export function findVariables(
  environments: readonly Environment[],
  source: NameSource,
  queueId: string,
): FoundVariable[] {
  const isWanted = nameTest(source, queueId);
  const found = environments.flatMap((environment) =>
    [...environment.variables]
      .filter(([name]) => isWanted(name))
      .map(([name, variable]) => {
        const where = `Variable ${name} of container ${environment.container} (queue id ${queueId})`;
        if (isReadable(variable)) return foundVariable(environment.container, name, variable, source.jsonMap, where);
        throw new SplitterError(
          variable.code,
          `${where} ${variable.unreadable}. Only values in the pod template and in ConfigMaps can be read: put the name there.`,
        );
      }),
  );
  return found.length > 0 ? found : defaultVariables(environments, source, queueId);
}

function nameTest({ match }: NameSource, queueId: string): (name: string) => boolean {
  if ('variable' in match) return (name) => name === match.variable;
  try {
    const pattern = compilePattern(match.pattern);
    return (name) => pattern.test(name);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new SplitterError(
      'InvalidConfig',
      `The regexPattern ${JSON.stringify(match.pattern)} of queue id ${queueId} is refused: ${error.message}.`,
      { cause: error },
    );
  }
}

function foundVariable(
  container: string,
  variable: string,
  { value, origin, warning }: ReadableVariable,
  jsonMap: boolean,
  where: string,
): FoundVariable {
  if (value === '') {
    throw new SplitterError('VariableUnreadable', `${where} is empty (${origin}). Give it the name of a queue.`);
  }
  const names = jsonMap ? parseNamesJson(value, where).map((name) => name.value) : [value];
  return { container, variable, value, origin, names, jsonMap, ...(warning === undefined ? {} : { warning }) };
}

/** Which container reads the default is not known, so every one that the source looks at gets the variable. */
function defaultVariables(environments: readonly Environment[], source: NameSource, queueId: string): FoundVariable[] {
  const { match, defaultValue, jsonMap } = source;
  if (defaultValue === undefined || !('variable' in match)) throw missing(environments, source, queueId);
  const where = `The default name of queue id ${queueId}`;
  return environments.map(({ container }) =>
    foundVariable(container, match.variable, { value: defaultValue, origin: 'default name' }, jsonMap, where),
  );
}

function missing(environments: readonly Environment[], { match }: NameSource, queueId: string): SplitterError {
  const what = 'variable' in match ? `variable ${match.variable}` : `variable that matches ${match.pattern}`;
  const containers = environments.map(({ container }) => container).join(', ') || 'none';
  const opaque = environments.flatMap(({ opaqueSources }) => opaqueSources);
  const perhaps =
    opaque.length > 0 ? ` It may come from ${[...new Set(opaque)].join(', ')}, which cannot be read.` : '';
  return new SplitterError(
    'VariableMissing',
    `There is no ${what} for queue id ${queueId} in the pod template (containers looked at: ${containers}).${perhaps} Set it in the pod template or in a ConfigMap, or correct the queue's declaration.`,
  );
}
