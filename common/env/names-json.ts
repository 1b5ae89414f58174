// Environment variables that hold a JSON object of queue names. What is replaced is only the text of the names: order, spaces and
// duplicate keys stay as the application had them. Pure.
import { type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { SplitterError } from '../errors.ts';

export type JsonName = {
  key: string;
  value: string;
  /** Where the quoted string is in the text. */
  offset: number;
  length: number;
};

/** @throws SplitterError `VariableUnreadable` when the text is not a JSON object of strings; `where` names it in the message. */
export function parseNamesJson(text: string, where: string): JsonName[] {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  const [first] = errors;
  if (first !== undefined || root === undefined) {
    const why =
      first === undefined ? 'it is empty' : `${printParseErrorCode(first.error)} at character ${first.offset + 1}`;
    throw shapeError(where, `it is not valid JSON (${why})`);
  }
  if (root.type !== 'object') throw shapeError(where, `it is ${article(root.type)}`);
  return (root.children ?? []).map((property) => nameOf(property, where));
}

function nameOf(property: Node, where: string): JsonName {
  const [key, value] = property.children ?? [];
  const name = String(key?.value);
  if (value?.type !== 'string')
    throw shapeError(where, `the value of ${JSON.stringify(name)} is ${article(value?.type ?? 'null')}`);
  return { key: name, value: String(value.value), offset: value.offset, length: value.length };
}

/** The same text with the i-th name replaced by `replacements[i]`. */
export function renderNamesJson(text: string, names: readonly JsonName[], replacements: readonly string[]): string {
  if (names.length !== replacements.length) {
    throw new SplitterError('Internal', `${names.length} names, but ${replacements.length} replacements`);
  }
  let rendered = '';
  let end = 0;
  for (const [index, { offset, length }] of names.entries()) {
    rendered += text.slice(end, offset) + JSON.stringify(replacements[index]);
    end = offset + length;
  }
  return rendered + text.slice(end);
}

const article = (type: string): string => (type === 'null' ? 'null' : `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`);

const shapeError = (where: string, found: string): SplitterError =>
  new SplitterError(
    'VariableUnreadable',
    `${where} must be a JSON object whose values are queue names (namesFromJsonMap is true), but ${found}. Correct the variable, or set namesFromJsonMap to false.`,
  );
