// Asked right before something is done: a controller that slept, or was cut off, does nothing more by what it saw before.
import { SplitterError } from '../../common/errors.ts';
import type { ActContext } from './context.ts';

/** What was decided before a sleep may be wrong by now, and not everything that brokers are asked to do is conditional. */
export function assertLeading({ isLeading }: Pick<ActContext, 'isLeading'>): void {
  if (isLeading()) return;
  throw new SplitterError('Conflict', 'another controller may lead now, so this one does nothing more', {
    retryable: true,
  });
}
