// What failed before: whether it may be tried again now, and how it is told. Pure readings of `Observed.failures`.
import type { Failure, Observed } from './observed.ts';
import { type Step, wait } from './step.ts';

/** Never tried, done since, or its pause is over. */
export function mayTry({ failures }: Observed, subject: string): boolean {
  return (failures.get(subject)?.retryInMs ?? 0) <= 0;
}

/** Waits for the first of these to be tried again. undefined: none of them failed. */
export function waitForRetry(observed: Observed, subjects: readonly string[]): Step {
  const failed = subjects.flatMap((subject) => observed.failures.get(subject) ?? []);
  const [first] = failed.toSorted((one, other) => one.retryInMs - other.retryInMs);
  return first && wait(first.message, Math.max(first.retryInMs, 1));
}

/** It will not get better by itself, or has not for so long. */
export function isHopeless({ retryable, forMs }: Failure, patienceSeconds: number): boolean {
  return !retryable || forMs >= patienceSeconds * 1000;
}

/** How `Observed.failures` names the attempt to give a topic more partitions. */
export function growthOf(name: string): string {
  return `growth ${name}`;
}

/** How `Observed.failures` names the attempt to delete what a ledger entry names: that it could not be made says nothing about that. */
export function removalOf(name: string): string {
  return `removal ${name}`;
}
