// Helps a developer whose filter matches nothing: how many messages were read since the session began, and which of the filter's names
// occurred in them with how many different values. Values are other people's data: they are counted here and never leave this file.
import type { Route } from '../api/kinds/workload-split.ts';
import type { MessageAttributes } from '../common/filter/filter.ts';

export type SeenName = { name: string; messages: number; distinct: number };
export type Seen = { sessionUid: string; read: number; matched: number; names: SeenName[] };

/** Enough to tell "always the same" from "many"; the count stops there. */
const MAX_DISTINCT = 50;

type Sample = {
  read: number;
  matched: number;
  names: Map<string, { key: string; messages: number; values: Set<string> }>;
};

export class SeenSampler {
  /** SQS compares names without case. */
  readonly #comparable: (name: string) => string;
  readonly #samples = new Map<string, Sample>();

  constructor(comparable: (name: string) => string) {
    this.#comparable = comparable;
  }

  /** Keeps the samples of routes that stay, begins those of new ones. */
  setRoutes(routes: readonly Route[]): void {
    const current = new Set(routes.map((route) => route.sessionUid));
    for (const uid of this.#samples.keys()) if (!current.has(uid)) this.#samples.delete(uid);
    for (const route of routes) {
      if (this.#samples.has(route.sessionUid)) continue;
      const names = Object.keys(route.filter).map(
        (name) => [name, { key: this.#comparable(name), messages: 0, values: new Set<string>() }] as const,
      );
      this.#samples.set(route.sessionUid, { read: 0, matched: 0, names: new Map(names) });
    }
  }

  /** One message was read. A route that has matched needs no hint any more, so its names are not looked at again. */
  add(attributes: MessageAttributes, winner: Route | undefined): void {
    for (const [uid, sample] of this.#samples) {
      sample.read += 1;
      if (winner?.sessionUid === uid) sample.matched += 1;
      if (sample.matched > 0) continue;
      for (const seen of sample.names.values()) {
        const values = attributes.get(seen.key);
        if (values === undefined) continue;
        seen.messages += 1;
        for (const value of values) if (seen.values.size < MAX_DISTINCT) seen.values.add(value);
      }
    }
  }

  list(): Seen[] {
    return [...this.#samples].map(([sessionUid, { read, matched, names }]) => ({
      sessionUid,
      read,
      matched,
      names: [...names].map(([name, { messages, values }]) => ({ name, messages, distinct: values.size })),
    }));
  }
}
