// Which destination a record goes to, by its headers and the routes of the split. Pure.
import type { Route, SplitQueue } from '../../api/kinds/workload-split.ts';
import { type MessageAttributes, messageAttributes } from '../../common/filter/filter.ts';
import { type CompiledRoutes, compileRoutes, selectRoute } from '../../common/filter/routes.ts';
import { type KafkaRecord, readHeaders } from '../../common/kafka/wire/record-batch.ts';

export type Routed = { record: KafkaRecord; route: Route | undefined };

export type Router = Pick<CompiledRoutes, 'problems'> & {
  /** The fallback topic's name. */
  fallback: string;
  /** In the order in which they came; no route: the fallback. */
  route(records: readonly KafkaRecord[]): Routed[];
};

export function createRouter(
  queue: SplitQueue,
  onRead: (attributes: MessageAttributes, winner: Route | undefined) => void = () => undefined,
): Router {
  const { routes, problems } = compileRoutes('Kafka', queue.id, queue.routes);
  return {
    problems,
    fallback: queue.fallback.name,
    route: (records) =>
      records.map((record) => {
        if (routes.length === 0) return { record, route: undefined };
        const attributes = attributesOf(record);
        const route = selectRoute(routes, attributes);
        onRead(attributes, route);
        return { record, route };
      }),
  };
}

/** Header values are bytes; those that are no UTF-8 are compared as far as they are. A null value never matches. */
export function attributesOf({ body }: Pick<KafkaRecord, 'body'>): MessageAttributes {
  const entries = readHeaders(body).flatMap(({ key, value }) =>
    value === null ? [] : [[key.toString('utf8'), value.toString('utf8')] as const],
  );
  return messageAttributes('Kafka', entries);
}
