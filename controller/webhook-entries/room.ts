// How many entries the one webhook configuration has room for: pure. Those that are there stay; what finds no room is the newest.
import type { WebhookEntry } from './entry.ts';

/** A list has no limit of its own, but etcd takes no object that is larger than it allows: 1,000 entries and 2.0 MB of JSON were the last that fitted. */
export const MAX_ENTRIES = 500;
/** As JSON, without what the API server adds. */
export const MAX_BYTES = 1_500_000;

/** `entries`: oldest split first; `present`: names of entries that are there now. In the same order, without those that find no room. */
export function fitting(entries: readonly WebhookEntry[], present: ReadonlySet<string>): WebhookEntry[] {
  const kept = entries.filter(({ name }) => present.has(name));
  let count = kept.length;
  let bytes = kept.reduce((sum, entry) => sum + sizeOf(entry), 0);
  return entries.filter((entry) => {
    if (present.has(entry.name)) return true;
    const size = sizeOf(entry);
    if (count + 1 > MAX_ENTRIES || bytes + size > MAX_BYTES) return false;
    count += 1;
    bytes += size;
    return true;
  });
}

function sizeOf(entry: WebhookEntry): number {
  return JSON.stringify(entry).length;
}
