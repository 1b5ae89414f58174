// Which of several sessions gets a message: the one that started first. Pure, and on the hot path of the forwarder.
import type { QueueKind } from '../../api/kinds/common.ts';
import type { Route } from '../../api/kinds/workload-split.ts';
import { type SplitterError, toSplitterError } from '../errors.ts';
import { type CompiledFilter, compileFilter, type MessageAttributes, matches } from './filter.ts';

export type CompiledRoute = { readonly route: Route; readonly filter: CompiledFilter };

export type CompiledRoutes = {
  /** In the order in which they are asked. */
  readonly routes: readonly CompiledRoute[];
  /** By session uid: filters that cannot be used (refused at validation, so never seen in practice); these sessions get nothing. */
  readonly problems: ReadonlyMap<string, SplitterError>;
};

/**
 * Routes that still take messages. Sessions that started at the same time are told apart by their uid, so that every replica and every
 * restart decides alike.
 */
export function compileRoutes(kind: QueueKind, queueId: string, routes: readonly Route[]): CompiledRoutes {
  const problems = new Map<string, SplitterError>();
  const compiled = routes
    .filter((route) => !route.ending)
    .toSorted((a, b) => Date.parse(a.startedAt) - Date.parse(b.startedAt) || (a.sessionUid < b.sessionUid ? -1 : 1))
    .flatMap((route) => {
      try {
        return [{ route, filter: compileFilter(kind, route.filter, queueId) }];
      } catch (error) {
        problems.set(route.sessionUid, toSplitterError(error));
        return [];
      }
    });
  return { routes: compiled, problems };
}

/** The route that gets the message; `undefined`: it goes to the fallback queue. */
export function selectRoute(routes: readonly CompiledRoute[], attributes: MessageAttributes): Route | undefined {
  return routes.find(({ filter }) => matches(filter, attributes))?.route;
}
