// The `{{…}}` of a mirrord.json. mirrord renders the whole text with Tera before it parses it; this does the part of Tera that such files use
// (variables and get_env) and refuses the rest by name. Pure.
import { SplitterError } from '../errors.ts';

export type TemplateContext = {
  /** What `{{ name }}` gives: `key` (the session's key) and `user` are those that qsplit knows. */
  variables: Readonly<Record<string, string | undefined>>;
  /** What `get_env` reads. */
  environment: Readonly<Record<string, string | undefined>>;
};

const TAG = /\{\{(?<expression>.*?)\}\}|\{%.*?%\}|\{#.*?#\}/gs;
const NAME = /^[A-Za-z_]\w*$/;
const GET_ENV = /^get_env\((?<arguments>.*)\)$/s;
const ARGUMENT =
  /\s*(?<name>\w+)\s*=\s*(?:"(?<double>[^"]*)"|'(?<single>[^']*)'|`(?<back>[^`]*)`|(?<bare>[\w.-]+))\s*(?:,|$)/gy;

/** @throws SplitterError `InvalidConfig` naming file, line and expression. */
export function expandTemplate(text: string, file: string, context: TemplateContext): string {
  return text.replaceAll(TAG, (tag: string, ...rest: unknown[]) => {
    const groups = rest.at(-1) as { expression?: string };
    const offset = rest.at(-3) as number;
    const fail = (message: string): never => {
      const line = text.slice(0, offset).split('\n').length;
      throw new SplitterError('InvalidConfig', `${file}:${line}: ${tag}: ${message}`, { details: { file, line } });
    };
    if (groups.expression === undefined)
      return fail('statements and comments of templates are not supported; remove them.');
    return evaluate(groups.expression.trim(), context, fail);
  });
}

function evaluate(expression: string, context: TemplateContext, fail: (message: string) => never): string {
  if (NAME.test(expression)) {
    const known = Object.keys(context.variables).join(', ');
    if (!Object.hasOwn(context.variables, expression))
      return fail(`there is no variable ${expression}; there are ${known}.`);
    return context.variables[expression] ?? fail(`${expression} is not set for this run.`);
  }
  const written = GET_ENV.exec(expression)?.groups?.['arguments'];
  if (written === undefined) {
    return fail('only variables and get_env(name="…", default="…") are supported; write the value itself.');
  }
  const { name, default: fallback, ...others } = parseArguments(written, fail);
  if (name === undefined) return fail('get_env needs the argument name.');
  const [strange] = Object.keys(others);
  if (strange !== undefined) return fail(`get_env has no argument ${strange}.`);
  return (
    context.environment[name] ??
    fallback ??
    fail(`the environment variable ${name} is not set; set it, or give get_env a default.`)
  );
}

function parseArguments(text: string, fail: (message: string) => never): Record<string, string> {
  const values: Record<string, string> = {};
  let end = 0;
  for (const match of text.matchAll(ARGUMENT)) {
    const { name = '', double, single, back, bare } = match.groups ?? {};
    values[name] = double ?? single ?? back ?? bare ?? '';
    end = match.index + match[0].length;
  }
  return end === text.length ? values : fail(`the arguments ${text} cannot be read.`);
}
