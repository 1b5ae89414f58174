// The lines of a watch response as events. A stream that breaks, falls silent or ends inside a line is an error, never an end.
import type { Readable } from 'node:stream';
import type { Clock } from '../clock.ts';
import { SplitterError } from '../errors.ts';
import { type Call, responseError, transportError } from './api-error.ts';
import type { KubeObject, WatchEvent } from './types.ts';

type Line = { type: string; object: KubeObject & { code?: number } };

export type WatchStreamOptions = {
  call: Call;
  server: string;
  clock: Clock;
  /** The server sends a bookmark about every minute; a stream silent for so long is taken for dead. */
  silenceMs: number;
  signal: AbortSignal;
};

/** Ends when the server ends the stream or the signal aborts. */
export async function* readWatch<T extends KubeObject>(
  body: Readable,
  options: WatchStreamOptions,
): AsyncGenerator<WatchEvent<T>, void, undefined> {
  try {
    for await (const line of lines(body, options)) yield toEvent<T>(line, options.call);
  } catch (error) {
    if (options.signal.aborted) return;
    if (error instanceof SplitterError) throw error;
    throw transportError(options.call, options.server, error);
  } finally {
    body.destroy();
  }
}

async function* lines(body: Readable, { clock, silenceMs }: WatchStreamOptions): AsyncGenerator<string> {
  const giveUp = () => body.destroy(new Error(`the watch was silent for ${silenceMs} ms`));
  let cancel = clock.after(silenceMs, giveUp);
  let rest = '';
  try {
    body.setEncoding('utf8');
    for await (const chunk of body) {
      cancel();
      cancel = clock.after(silenceMs, giveUp);
      const parts = (rest + chunk).split('\n');
      rest = parts.pop() ?? '';
      for (const part of parts) if (part.trim() !== '') yield part;
    }
    if (rest.trim() !== '') throw new Error('the watch ended in the middle of an event');
  } finally {
    cancel();
  }
}

function toEvent<T extends KubeObject>(text: string, call: Call): WatchEvent<T> {
  const line: Line = JSON.parse(text);
  switch (line.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type: line.type, object: line.object as T };
    case 'BOOKMARK':
      return { type: 'BOOKMARK', resourceVersion: line.object.metadata.resourceVersion ?? '' };
    default:
      throw responseError(call, line.object.code ?? 500, line.object);
  }
}
