// One JSON line per entry on standard output (pino). Values of secrets are blanked here; message bodies must not be logged at all.
import { type DestinationStream, type Logger, pino } from 'pino';
import { SplitterError } from './errors.ts';

/** What code that logs needs; a whole pino logger fits. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

export const LOG_LEVEL_VARIABLE = 'QUEUE_SPLITTER_LOG_LEVEL';

/** From quiet to detailed; the words of Rust's `log` crate, which mirrord's charts use. */
const LEVELS = ['off', 'error', 'warn', 'info', 'debug', 'trace'];

/** Targets in RUST_LOG-like strings that mean this program; others are libraries that we do not have. */
const OUR_TARGETS = /^(mirrord|operator|queue[-_]?splitter)/;

/** Blanked at the top level and up to two levels down. */
const SECRET_KEYS = [
  'password',
  'token',
  'secret',
  'authorization',
  'privateKey',
  'secretAccessKey',
  'sessionToken',
  'sasl',
];
const REDACTED = SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);

/**
 * Reads a level: one word (`debug`), or a RUST_LOG-like list such as `mirrord=info,operator_sqs_splitting::forwarder=trace`.
 * We have one level for a whole process, so the most detailed of the parts that mean us wins; parts for other targets are ignored.
 * As in Rust, a target without a level means `trace`.
 * @returns the level in pino's words, and the parts that could not be read.
 */
export function parseLogLevel(text: string | undefined): { level: string; unreadable: string[] } {
  const unreadable: string[] = [];
  let best = -1;
  for (const part of (text ?? '').split(',')) {
    const directive = part.trim().replace(/\[.*\]/, '');
    if (directive === '') continue;
    const [target, word] = directive.includes('=') ? splitAt(directive, '=') : bareDirective(directive);
    if (target !== '' && !OUR_TARGETS.test(target)) continue;
    const level = LEVELS.indexOf(word.trim().toLowerCase());
    if (level === -1) unreadable.push(part.trim());
    else best = Math.max(best, level);
  }
  const word = LEVELS[best] ?? 'info';
  return { level: word === 'off' ? 'silent' : word, unreadable };
}

/** The level is read from QUEUE_SPLITTER_LOG_LEVEL; `destination` is standard output unless a test says otherwise. */
export function createLogger(
  name: string,
  environment: Record<string, string | undefined>,
  destination?: DestinationStream,
): Logger {
  const { level, unreadable } = parseLogLevel(environment[LOG_LEVEL_VARIABLE]);
  const options = {
    name,
    level,
    base: { pod: environment['POD_NAME'] },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describeError },
    redact: { paths: REDACTED, censor: '[redacted]' },
  };
  const logger = destination ? pino(options, destination) : pino(options);
  if (unreadable.length > 0) {
    logger.warn(
      { unreadable },
      `parts of ${LOG_LEVEL_VARIABLE} are not understood and ignored; write for example "debug"`,
    );
  }
  return logger;
}

/** Each sentence is a warning once, whatever facts come with it; after that it is for debugging. */
export function warnOnce(log: Log): Log {
  const said = new Set<string>();
  const warn = (facts: object, message: string): void => {
    if (said.has(message)) log.debug(facts, message);
    else log.warn(facts, message);
    said.add(message);
  };
  return {
    debug: log.debug.bind(log),
    info: log.info.bind(log),
    warn: warn as Log['warn'],
    error: log.error.bind(log),
  };
}

/** Our own errors say everything in a sentence; a stack is for those that nobody expected. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { stack, ...described } = pino.stdSerializers.err(error);
  return error instanceof SplitterError && error.code !== 'Internal' ? described : { ...described, stack };
}

function bareDirective(directive: string): [target: string, level: string] {
  const isLevel = LEVELS.includes(directive.toLowerCase());
  return isLevel || !OUR_TARGETS.test(directive) ? ['', directive] : [directive, 'trace'];
}

function splitAt(text: string, separator: string): [string, string] {
  const index = text.indexOf(separator);
  return [text.slice(0, index), text.slice(index + 1)];
}
