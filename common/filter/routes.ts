// Which of several sessions gets a message: the one that started first. Pure, and on the hot path of the forwarder.
import type { QueueKind } from '../../api/kinds/common.ts';
import type { Route } from '../../api/kinds/workload-split.ts';
import { type CompiledFilter, compileFilter, type MessageAttributes, matches } from './filter.ts';

export type CompiledRoute<R extends Route = Route> = { readonly route: R; readonly filter: CompiledFilter };

/**
 * Routes that still take messages, in the order in which they are asked. Sessions that started at the same time are told apart by
 * their uid, so that every replica and every restart decides alike.
 * @throws SplitterError `InvalidFilter`
 */
export function compileRoutes<R extends Route>(
  kind: QueueKind,
  queueId: string,
  routes: readonly R[],
): CompiledRoute<R>[] {
  return routes
    .filter((route) => !route.ending)
    .toSorted((a, b) => Date.parse(a.startedAt) - Date.parse(b.startedAt) || (a.sessionUid < b.sessionUid ? -1 : 1))
    .map((route) => ({ route, filter: compileFilter(kind, route.filter, queueId) }));
}

/** The route that gets the message; `undefined`: it goes to the fallback queue. */
export function selectRoute<R extends Route>(
  routes: readonly CompiledRoute<R>[],
  attributes: MessageAttributes,
): R | undefined {
  return routes.find(({ filter }) => matches(filter, attributes))?.route;
}
