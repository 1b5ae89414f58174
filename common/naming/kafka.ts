// Names of temporary topics, consumer groups and transactional ids. The format of topics is the chart value
// `operator.kafkaSplittingTopicFormat`. Pure.
import { SplitterError } from '../errors.ts';
import { limitLength, shortHash } from './hash.ts';

export const DEFAULT_TOPIC_FORMAT = 'mirrord-tmp-{{RANDOM}}{{FALLBACK}}{{ORIGINAL_TOPIC}}';

const VARIABLES = ['RANDOM', 'FALLBACK', 'ORIGINAL_TOPIC'] as const;
type Variable = (typeof VARIABLES)[number];

/** Kafka's limit, see `org.apache.kafka.common.internals.Topic`. */
const MAX_LENGTH = 249;
const LEGAL = /^[A-Za-z0-9._-]*$/;
/** What a long original topic needs at least: a few letters of it and the hash. */
const MIN_ORIGINAL = 16;
const LONGEST_RANDOM = '0'.repeat(32);

/** A format that was checked; make one with `parseTopicFormat`. */
export type TopicFormat = { readonly text: string; readonly parts: readonly FormatPart[] };

type FormatPart = Variable | { literal: string };
type Role = 'fallback' | 'session';

/** @throws SplitterError `InvalidConfig` naming what is missing, unknown or illegal. */
export function parseTopicFormat(text: string): TopicFormat {
  const parts: FormatPart[] = [];
  for (const piece of text.split(/(\{\{[^{}]*\}\})/)) {
    const name = /^\{\{\s*(.*?)\s*\}\}$/.exec(piece)?.[1];
    if (name === undefined) parts.push({ literal: piece });
    else parts.push(knownVariable(name, text));
  }
  const missing = VARIABLES.filter((variable) => !parts.includes(variable));
  if (missing.length > 0) {
    throw formatError(text, `it lacks ${missing.map((name) => `{{${name}}}`).join(' and ')}`);
  }
  const literals = parts.map((part) => (typeof part === 'object' ? part.literal : '')).join('');
  if (!LEGAL.test(literals)) throw formatError(text, 'topic names have only letters, digits, ".", "_" and "-"');
  if (roomForOriginal(parts, 'fallback', LONGEST_RANDOM) < MIN_ORIGINAL) {
    throw formatError(text, 'it leaves no room for the original name');
  }
  return { text, parts };
}

function knownVariable(name: string, text: string): Variable {
  const variable = VARIABLES.find((known) => known === name);
  if (variable === undefined) throw formatError(text, `{{${name}}} is no variable`);
  return variable;
}

const formatError = (text: string, why: string): SplitterError =>
  new SplitterError(
    'InvalidConfig',
    `The topic format ${JSON.stringify(text)} (operator.kafkaSplittingTopicFormat) cannot be used: ${why}. It must contain {{RANDOM}}, {{FALLBACK}} and {{ORIGINAL_TOPIC}}, for example ${DEFAULT_TOPIC_FORMAT}.`,
  );

/**
 * At most 249 characters; a long original is cut and gets a hash. Only `-` is added: `.` and `_` collide in Kafka's metric names.
 * @param random digits, at most 32, never used twice.
 */
export function kafkaTopicName({ parts }: TopicFormat, original: string, role: Role, random: string): string {
  return render(parts, limitLength(original, roomForOriginal(parts, role, random)), role, random);
}

/** The consumer group of a session's process; in the topics' format, so that one prefix ACL covers both. */
export function temporaryGroupName(format: TopicFormat, originalGroup: string, random: string): string {
  return kafkaTopicName(format, originalGroup, 'session', random);
}

function render(parts: readonly FormatPart[], original: string, role: Role, random: string): string {
  const values: Record<Variable, string> = {
    RANDOM: random,
    FALLBACK: role === 'fallback' ? '-fallback-' : '-',
    ORIGINAL_TOPIC: original,
  };
  return parts.map((part) => (typeof part === 'object' ? part.literal : values[part])).join('');
}

function roomForOriginal(parts: readonly FormatPart[], role: Role, random: string): number {
  const occurrences = parts.filter((part) => part === 'ORIGINAL_TOPIC').length;
  return Math.floor((MAX_LENGTH - render(parts, '', role, random).length) / occurrences);
}

/** Fixed for the life of a split; transactional ids are `<prefix>-<i>`. At most 200 characters. */
export function transactionalIdPrefix(splitUid: string, queueKey: string): string {
  return `mirrord-tmp-${splitUid}-${shortHash(queueKey, 12)}`;
}
