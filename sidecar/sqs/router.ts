// Which destination gets a message, by the routes of the split. Pure.
import type { Message } from '@aws-sdk/client-sqs';
import type { Route, SplitQueue } from '../../api/kinds/workload-split.ts';
import { type MessageAttributes, messageAttributes } from '../../common/filter/filter.ts';
import { type CompiledRoutes, compileRoutes, selectRoute } from '../../common/filter/routes.ts';

export type Router = Pick<CompiledRoutes, 'problems'> & {
  /** The session that gets a message with these attributes; undefined: the fallback. */
  select(attributes: MessageAttributes): Route | undefined;
};

/** Binary attributes have no text and never match. */
export function attributesOf(message: Message): MessageAttributes {
  const entries: [string, string][] = [];
  for (const [name, { StringValue }] of Object.entries(message.MessageAttributes ?? {})) {
    if (StringValue !== undefined) entries.push([name, StringValue]);
  }
  return messageAttributes('SQS', entries);
}

export function createRouter(queue: SplitQueue): Router {
  const { routes, problems } = compileRoutes('SQS', queue.id, queue.routes);
  return { problems, select: (attributes) => selectRoute(routes, attributes) };
}
