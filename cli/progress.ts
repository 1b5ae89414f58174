// What is new in a session, as steps that people can follow. Pure; output.ts shows them.
import type { Condition, Filter } from '../api/kinds/common.ts';
import type { SplitSession, SplitSessionStatus } from '../api/kinds/split-session.ts';

type Step = {
  /** The condition's type, or the phase. */
  step: string;
  state: 'done' | 'doing';
  message: string;
  /** How far the restart of the target's pods is. */
  pods?: { patched: number; total: number };
};

/** Ready is told by `readyLines`, the removed route at the end of `exec`; a failure is an error. */
const TOLD_ELSEWHERE = new Set(['Ready', 'RouteRemoved', 'Failed']);

/** Every step that `after` has and `before` had not, or had with another state or sentence. */
export function newSteps(before: SplitSessionStatus | undefined, after: SplitSessionStatus | undefined): Step[] {
  const known = new Set(stepsOf(before).map(identity));
  return stepsOf(after).filter((step) => !known.has(identity(step)));
}

const identity = ({ step, state, message }: Step) => `${step}\n${state}\n${message}`;

function stepsOf(status: SplitSessionStatus | undefined): Step[] {
  if (status === undefined) return [];
  const conditions = (status.conditions ?? []).filter(({ type }) => !TOLD_ELSEWHERE.has(type)).map(conditionStep);
  return [...conditions, ...phaseSteps(status, conditions)];
}

function conditionStep({ type, status, message, reason }: Condition): Step {
  return { step: type, state: status === 'True' ? 'done' : 'doing', message: message === '' ? reason : message };
}

/** The phase's own sentence, and not at all when a condition says the same. */
function phaseSteps({ phase, message, pods }: SplitSessionStatus, conditions: readonly Step[]): Step[] {
  if (phase === undefined || TOLD_ELSEWHERE.has(phase)) return [];
  if (conditions.some((step) => step.message === message)) return [];
  const counted = pods === undefined || phase !== 'Restarting' ? {} : { pods };
  return [{ step: phase, state: 'doing', message: message ?? phase, ...counted }];
}

/** The name of a queue, of whose URL the rest is the same for all; a topic is a name already. */
function shortName(queue: string): string {
  return /^https?:/.test(queue) ? (queue.split('/').at(-1) ?? queue) : queue;
}

export function describeFilter(filter: Filter): string {
  const parts = Object.entries(filter).map(([name, pattern]) => `${name} ~ ${pattern}`);
  return parts.length === 0 ? 'empty filter, matches nothing' : parts.join(' and ');
}

/** What the developer gets: queues with their filters, and the variables that are set. */
export function readyLines(session: SplitSession, environment: Readonly<Record<string, string>>): string[] {
  const queues = (session.status?.queues ?? []).map(({ id, kind, original, session: queue }) => {
    const entry =
      session.spec.queues.find((asked) => asked.kind === kind && asked.id === id) ??
      session.spec.queues.find((asked) => asked.kind === kind && asked.id === '*');
    return `${id} (${kind} ${shortName(original)}): ${describeFilter(entry?.filter ?? {})} → ${shortName(queue)}`;
  });
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  return [...queues, ...variables];
}
