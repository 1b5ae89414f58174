// How many entries the one webhook configuration has room for: pure. Those that are there stay; what finds no room is the newest.
import type { WebhookEntry } from './entry.ts';

/**
 * A list has no limit of its own, but etcd takes no request of more than 1.5 MiB. Measured on Kubernetes 1.35 with our policies: of entries
 * like ours (2.2 KB each) 700 fitted (1.54 MB) and 800 did not; of larger ones (3.4 KB) 500 did (1.71 MB) and 600 did not.
 */
export const MAX_ENTRIES = 500;
/** As JSON, without what the API server adds; room is left for a second certificate authority in each of them. */
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
