// mirrord.json → what a session needs of it, and a list of what it does not do. Pure: text, variables and environment are given.
import { fieldPath } from '../../api/kinds/issues.ts';
import type { SessionQueue } from '../../api/kinds/split-session.ts';
import { SplitterError } from '../errors.ts';
import { type ConfigDocument, type FieldPath, fieldError, parseConfigDocument } from './document.ts';
import { MIRRORD_FEATURES, MIRRORD_FIELDS, TARGET_FIELDS } from './fields.ts';
import { parseSplitQueues } from './split-queues.ts';
import { parseTarget, type Target, targetFromObject } from './target.ts';
import { expandTemplate, type TemplateContext } from './template.ts';

export type MirrordConfig = {
  target?: Target;
  namespace?: string;
  /** Empty when the file has no `feature.split_queues`. */
  queues: SessionQueue[];
  key?: string;
  kubeconfig?: string;
  /** Name of the context in the kubeconfig. */
  context?: string;
  /** What the file says and queue-splitter does not do, for people: `agent`, `feature.network`. */
  ignored: string[];
  /** What neither we nor mirrord know, with the line: `taget (line 3)`. Probably typing errors. */
  unknown: string[];
  /** The whole file as data, templates expanded. */
  content: Readonly<Record<string, unknown>>;
};

type Fields = Readonly<Record<string, unknown>>;

/** `operator` is answered by what we are, and `$schema` is for editors. */
const UNDERSTOOD = new Set(['target', 'feature', 'key', 'kubeconfig', 'kube_context', 'operator', '$schema']);

/**
 * @param file for messages; its ending says the format: .yaml and .yml are YAML, everything else JSON with comments.
 * @throws SplitterError `InvalidConfig`, `InvalidFilter`, `UnsupportedQueueKind`, `TargetUnsupported`, with file and line.
 */
export function parseMirrordConfig(text: string, file: string, context: TemplateContext): MirrordConfig {
  const document = parseConfigDocument(expandTemplate(text, file, context), file);
  const content = fieldsAt(document, [], document.value);
  const feature = fieldsAt(document, ['feature'], content['feature'] ?? {});
  return {
    ...parseTargetField(document, content['target']),
    ...optional('key', textAt(document, 'key', content['key'])),
    ...optional('kubeconfig', textAt(document, 'kubeconfig', content['kubeconfig'])),
    ...optional('context', textAt(document, 'kube_context', content['kube_context'])),
    queues: parseSplitQueues(document, feature['split_queues']),
    ...unusedFields(document, content, feature),
    content,
  };
}

function unusedFields(
  { lineOf }: ConfigDocument,
  content: Fields,
  feature: Fields,
): Pick<MirrordConfig, 'ignored' | 'unknown'> {
  const unused = [
    ...Object.keys(content)
      .filter((name) => !UNDERSTOOD.has(name))
      .map((name) => ({ path: [name], isKnown: MIRRORD_FIELDS.has(name) })),
    ...Object.keys(feature)
      .filter((name) => name !== 'split_queues')
      .map((name) => ({ path: ['feature', name], isKnown: MIRRORD_FEATURES.has(name) })),
  ];
  return {
    ignored: unused.filter(({ isKnown }) => isKnown).map(({ path }) => fieldPath(path)),
    unknown: unused.filter(({ isKnown }) => !isKnown).map(({ path }) => `${fieldPath(path)} (line ${lineOf(path)})`),
  };
}

function parseTargetField(document: ConfigDocument, value: unknown): Pick<MirrordConfig, 'target' | 'namespace'> {
  if (value === undefined || value === null) return {};
  if (typeof value === 'string') return { target: located(document, ['target'], () => parseTarget(value)) };
  const { path, namespace, ...others } = fieldsAt(document, ['target'], value, 'must be text or an object.');
  const [stranger] = Object.keys(others);
  if (stranger !== undefined) {
    throw fieldError(document, ['target', stranger], `unknown field; there are ${TARGET_FIELDS.join(' and ')}.`);
  }
  return {
    ...optional('namespace', textAt(document, 'target.namespace', namespace)),
    ...optional('target', parsePath(document, path)),
  };
}

function parsePath(document: ConfigDocument, value: unknown): Target | undefined {
  if (value === undefined || value === null) return undefined;
  const path: FieldPath = ['target', 'path'];
  if (typeof value === 'string') return located(document, path, () => parseTarget(value));
  const fields = fieldsAt(document, path, value);
  return located(document, path, () => targetFromObject(fields));
}

/** Adds file, line and field to what a parser says that knows nothing of files. */
function located<T>(document: ConfigDocument, path: FieldPath, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof SplitterError)) throw error;
    throw fieldError(document, path, error.message, error.code, error);
  }
}

function fieldsAt(document: ConfigDocument, path: FieldPath, value: unknown, otherwise = 'must be an object.'): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw fieldError(document, path, path.length === 0 ? `the file ${otherwise}` : otherwise);
  }
  return value as Fields;
}

function textAt(document: ConfigDocument, name: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string' || value === '') throw fieldError(document, name.split('.'), 'must be text.');
  return value;
}

function optional<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { [P in K]?: V };
}
