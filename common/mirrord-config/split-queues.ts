// `feature.split_queues` of a mirrord.json, in both forms (object by queue id, array with `queue_id`) → what a session asks for. Pure.
import { z } from 'zod';
import { filter, LIMITS, QUEUE_KINDS } from '../../api/kinds/common.ts';
import type { SessionQueue } from '../../api/kinds/split-session.ts';
import { SplitterError } from '../errors.ts';
import { compileFilter } from '../filter/filter.ts';
import { type ConfigDocument, type FieldPath, fieldError } from './document.ts';

const PATH: FieldPath = ['feature', 'split_queues'];

/** Fields of newer mirrord versions; ignoring one would hand out other messages than the user means. */
const UNSUPPORTED = ['jq_filter', 'filter', 'payload_protobuf'];

const entrySchema = z.strictObject({
  queue_id: z.string().min(1).max(253).optional(),
  queue_type: z.string(),
  queue_mode: z.string().nullish(),
  message_filter: filter.nullish(),
});

/** @throws SplitterError `InvalidConfig`, `InvalidFilter`, `UnsupportedQueueKind`, each with file, line and field. */
export function parseSplitQueues(document: ConfigDocument, value: unknown): SessionQueue[] {
  if (value === undefined || value === null) return [];
  const entries = entriesOf(document, value);
  if (entries.length > LIMITS.queues) throw fieldError(document, PATH, `at most ${LIMITS.queues} queues are possible.`);
  const seen = new Set<string>();
  return entries.map(({ path, id, entry }) => {
    const queue = parseEntry(document, path, entry, id);
    const identity = `${queue.kind}/${queue.id}`;
    if (seen.has(identity))
      throw fieldError(document, path, `${queue.kind} queue ${queue.id} is there twice. Keep one entry.`);
    seen.add(identity);
    return queue;
  });
}

/** `id` is absent in the array form. */
type Entry = { path: FieldPath; id?: string; entry: unknown };

function entriesOf(document: ConfigDocument, value: unknown): Entry[] {
  if (Array.isArray(value)) return value.map((entry: unknown, index) => ({ path: [...PATH, index], entry }));
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).map(([id, entry]) => ({ path: [...PATH, id], id, entry }));
  }
  throw fieldError(document, PATH, 'must be an object by queue id, or an array of entries with queue_id.');
}

function parseEntry(document: ConfigDocument, path: FieldPath, entry: unknown, key: string | undefined): SessionQueue {
  const unsupported = UNSUPPORTED.find((name) => isSet(entry, name));
  if (unsupported !== undefined) {
    throw fieldError(document, [...path, unsupported], 'is not supported yet. Use message_filter.');
  }
  const parsed = entrySchema.safeParse(entry, { error: entryMessage });
  if (!parsed.success) {
    // A name that is written wrong is also missing: the wrong one says more.
    const { issues } = parsed.error;
    const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
    const stranger = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
    throw fieldError(
      document,
      [...path, ...steps([...(issue?.path ?? []), ...stranger])],
      issue?.message ?? 'cannot be read.',
    );
  }
  const { queue_id, queue_type, queue_mode, message_filter } = parsed.data;
  const id = key ?? queue_id;
  if (id === undefined || id === '') throw fieldError(document, path, 'queue_id is missing.');
  if (key !== undefined && queue_id !== undefined) {
    throw fieldError(document, [...path, 'queue_id'], 'has no place in the object form; its key is the queue id.');
  }
  const kind = QUEUE_KINDS.find((known) => known === queue_type);
  if (kind === undefined) {
    const message = `${JSON.stringify(queue_type)} is not supported; there are ${QUEUE_KINDS.join(' and ')}.`;
    throw fieldError(document, [...path, 'queue_type'], message, 'UnsupportedQueueKind');
  }
  if (queue_mode && queue_mode !== 'steal') {
    throw fieldError(
      document,
      [...path, 'queue_mode'],
      `${JSON.stringify(queue_mode)} is not supported yet. Leave it out, or write "steal".`,
    );
  }
  const queue: SessionQueue = { id, kind, filter: message_filter ?? {}, mode: 'steal' };
  checkPatterns(document, [...path, 'message_filter'], queue);
  return queue;
}

/** For people who have never heard of our schema library; undefined leaves the library's own sentence. */
function entryMessage(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'unrecognized_keys') {
    return `unknown field; there are ${Object.keys(entrySchema.shape).join(', ')}.`;
  }
  if (issue.code !== 'invalid_type') return undefined;
  if (issue.input === undefined) return 'is missing.';
  if (issue.expected === 'record') return 'must be an object: attribute or header name → regular expression.';
  return `must be ${issue.expected === 'string' ? 'text' : `an ${issue.expected}`}.`;
}

/** So that a mistake is seen here, with its line, and not in the cluster. */
function checkPatterns(document: ConfigDocument, path: FieldPath, queue: SessionQueue): void {
  for (const [attribute, pattern] of Object.entries(queue.filter)) {
    try {
      compileFilter(queue.kind, { [attribute]: pattern }, queue.id);
    } catch (error) {
      if (!(error instanceof SplitterError)) throw error;
      throw fieldError(document, [...path, attribute], error.message, error.code, error);
    }
  }
}

const isSet = (entry: unknown, name: string): boolean =>
  typeof entry === 'object' && entry !== null && Object.hasOwn(entry, name) && Reflect.get(entry, name) !== null;

const steps = (path: readonly PropertyKey[]): FieldPath =>
  path.map((step) => (typeof step === 'number' ? step : String(step)));
