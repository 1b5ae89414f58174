// The text of a configuration file (JSON with comments and trailing commas, or YAML) → a value that knows its lines. Pure.
import {
  findNodeAtLocation,
  getNodeValue,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser';
import { isNode, LineCounter, parseDocument as parseYaml } from 'yaml';
import { fieldPath } from '../../api/kinds/issues.ts';
import { type ErrorCode, SplitterError } from '../errors.ts';

export type FieldPath = readonly (string | number)[];

export type ConfigDocument = {
  file: string;
  value: unknown;
  /** The line of the field, or of its nearest parent that is in the file; counted from 1. */
  lineOf(path: FieldPath): number;
};

/** @throws SplitterError `InvalidConfig` naming file and line. */
export function parseConfigDocument(text: string, file: string): ConfigDocument {
  if (/\.toml$/i.test(file)) {
    throw new SplitterError(
      'InvalidConfig',
      `${file}: TOML is not supported. Write the configuration as JSON or YAML.`,
    );
  }
  // Editors of Windows begin a file with a byte order mark.
  const content = text.replace(/^\uFEFF/, '');
  return /\.ya?ml$/i.test(file) ? yamlDocument(content, file) : jsonDocument(content, file);
}

/** An error at a field: `mirrord.json:7: feature.split_queues.orders: …`. */
export function fieldError(
  { file, lineOf }: ConfigDocument,
  path: FieldPath,
  message: string,
  code: ErrorCode = 'InvalidConfig',
  cause?: unknown,
): SplitterError {
  const line = lineOf(path);
  const field = fieldPath(path);
  return new SplitterError(code, `${file}:${line}: ${field === '' ? '' : `${field}: `}${message}`, {
    ...(cause === undefined ? {} : { cause }),
    details: { file, line, field },
  });
}

function jsonDocument(text: string, file: string): ConfigDocument {
  const lineAt = (offset: number) => text.slice(0, offset).split('\n').length;
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first !== undefined || root === undefined) {
    const what = first === undefined ? 'the file is empty' : sentence(printParseErrorCode(first.error));
    throw new SplitterError('InvalidConfig', `${file}:${lineAt(first?.offset ?? 0)}: this is not valid JSON: ${what}.`);
  }
  refuseDuplicates(root, (node, key) => {
    throw new SplitterError(
      'InvalidConfig',
      `${file}:${lineAt(node.offset)}: ${key} is written twice. Keep one of the two.`,
    );
  });
  return {
    file,
    value: getNodeValue(root),
    lineOf: (path) => lineAt(nearest(path, (steps) => findNodeAtLocation(root, [...steps]))?.offset ?? 0),
  };
}

/** jsonc-parser keeps the last of two equal keys without a word; a queue would lose its filter. */
function refuseDuplicates(node: Node, refuse: (key: Node, name: string) => never): void {
  const seen = new Set<string>();
  for (const child of node.children ?? []) {
    const key = child.type === 'property' ? child.children?.[0] : undefined;
    if (key !== undefined) {
      const name = String(key.value);
      if (seen.has(name)) refuse(key, name);
      seen.add(name);
    }
    refuseDuplicates(child, refuse);
  }
}

function yamlDocument(text: string, file: string): ConfigDocument {
  const lines = new LineCounter();
  const document = parseYaml(text, { lineCounter: lines });
  const [first] = document.errors;
  if (first !== undefined) {
    const what = first.message.split('\n')[0];
    throw new SplitterError(
      'InvalidConfig',
      `${file}:${lines.linePos(first.pos[0]).line}: this is not valid YAML: ${what}`,
    );
  }
  return {
    file,
    value: document.toJS(),
    lineOf: (path) => {
      const node = nearest(path, (steps) => document.getIn(steps, true));
      return isNode(node) && node.range ? lines.linePos(node.range[0]).line : 1;
    },
  };
}

/** What is at the path, or at the nearest part of it that is there. */
function nearest<T>(path: FieldPath, find: (path: FieldPath) => T | undefined): T | undefined {
  for (let length = path.length; length >= 0; length -= 1) {
    const found = find(path.slice(0, length));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `CommaExpected` → `comma expected`. */
const sentence = (code: string): string => code.replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
