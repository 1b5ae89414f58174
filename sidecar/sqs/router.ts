// Which destination gets a message, by the routes of the split. Pure.
import type { Message } from '@aws-sdk/client-sqs';
import type { Route, SplitQueue } from '../../api/kinds/workload-split.ts';
import { type SplitterError, toSplitterError } from '../../common/errors.ts';
import { type MessageAttributes, messageAttributes } from '../../common/filter/filter.ts';
import { type CompiledRoute, compileRoutes, selectRoute } from '../../common/filter/routes.ts';

export type Router = {
  /** The session that gets a message with these attributes; undefined: the fallback. */
  select(attributes: MessageAttributes): Route | undefined;
  /** Routes whose filter cannot be used (refused at validation, so never seen in practice); they get nothing. */
  problems: ReadonlyMap<string, SplitterError>;
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
  const problems = new Map<string, SplitterError>();
  const usable = queue.routes.filter((route) => {
    try {
      compileRoutes('SQS', queue.id, [route]);
      return true;
    } catch (error) {
      problems.set(route.sessionUid, toSplitterError(error));
      return false;
    }
  });
  const routes: CompiledRoute[] = compileRoutes('SQS', queue.id, usable);
  return { problems, select: (attributes) => selectRoute(routes, attributes) };
}
