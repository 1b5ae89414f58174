/**
 * The worker's proof of work: each handled message is posted to the history collector and awaited, before it is deleted or committed.
 * A message whose report failed counts as not handled.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { ReceivedLine } from '../checker/history.ts';

export type Report = Omit<ReceivedLine, 'arrival'>;

/** The same in each attempt of one report, so that the collector writes it once. */
export const REPORT_ID = 'x-report-id';
const ATTEMPTS = 5;

/** Returns a function that resolves when the collector has written the line; throws when it stays away. */
export function createReporter(url: string | undefined): (line: Report) => Promise<void> {
  if (url === undefined || url === '') return async () => {};
  return async (line) => {
    const reportId = randomUUID();
    for (let attempt = 1; ; attempt += 1) {
      try {
        const response = await fetch(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json', [REPORT_ID]: reportId },
          body: JSON.stringify(line),
        });
        await response.arrayBuffer();
        if (response.status === 204) return;
        throw new Error(`the history collector answered ${response.status}`);
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
        await pause(50 * 2 ** attempt);
      }
    }
  };
}
