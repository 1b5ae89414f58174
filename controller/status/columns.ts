// What `kubectl get` can show in one line each: columns of custom resources cannot list the items of an array, so the controller does. Pure.
import { LIMITS } from '../../api/kinds/common.ts';
import { shorten, shortList } from '../../common/text.ts';

/** Characters; wider columns push the others off the screen. */
const LIST_WIDTH = 40;
const SENTENCE_WIDTH = 80;

/** The first name is there in any case. */
export function listColumn(names: readonly string[]): string {
  return shorten(shortList(names, LIST_WIDTH), LIMITS.column);
}

export function sentenceColumn(sentence: string): string {
  return shorten(sentence, SENTENCE_WIDTH);
}
