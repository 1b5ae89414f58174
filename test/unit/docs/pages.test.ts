// What README and guide tell people to write is what the program takes: files, resources, options, values, scripts, links.
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { DEFINITIONS } from '../../../api/crd/definitions.ts';
import { commandLine } from '../../../cli/command-line.ts';
import { parseMirrordConfig } from '../../../common/mirrord-config/parse.ts';
import { HELP, parseCommand } from '../../../demo/options.ts';
import packageJson from '../../../package.json' with { type: 'json' };
import { defaultValues } from '../../helm/chart.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PAGES = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...globSync('docs/**/*.md', { cwd: ROOT })].map(
  (path) => ({
    path,
    text: readFileSync(join(ROOT, path), 'utf8'),
  }),
);

/** Heredocs and blocks of one language; a heredoc stands in a block of `sh`. */
function blocks(text: string, language: string): string[] {
  const fenced = [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^ *```/gm)].map(([, indent = '', of, block = '']) => ({
    of,
    block: block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }));
  const heredocs = fenced
    .filter(({ of }) => of === 'sh')
    .flatMap(({ block }) => [...block.matchAll(/<<EOF\n([\s\S]*?)\nEOF/g)].map(([, content = '']) => content))
    .map((block) => ({ of: block.startsWith('{') ? 'json' : 'yaml', block }));
  return [...fenced, ...heredocs].filter(({ of }) => of === language).map(({ block }) => block);
}

/** Command lines of a page, with what is continued on the next line. */
function commands(text: string): string[] {
  return blocks(text, 'sh')
    .flatMap((block) => block.replaceAll(/\\\n\s*/g, '').split('\n'))
    .map((line) => line.replace(/\s#.*$/, '').trim());
}

/** Of titles, as GitHub makes them, and those that are written. */
function anchorsOf(text: string): string[] {
  const titles = [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
  return [...titles, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)];
}

const all = <T>(of: (text: string) => T[]) =>
  PAGES.flatMap(({ path, text }) => of(text).map((found) => ({ path, found })));

describe('README and docs', () => {
  test('every mirrord.json is one, and says nothing that nobody knows', () => {
    const files = all((text) => blocks(text, 'json')).filter(({ found }) => found.includes('split_queues'));
    assert.ok(files.length >= 2, 'the pages show at least two');
    for (const { path, found } of files) {
      const { unknown, queues } = parseMirrordConfig(found, path, { variables: {}, environment: {} });
      assert.deepEqual(unknown, []);
      assert.ok(queues.length > 0, path);
    }
  });

  test('every resource of ours is valid', () => {
    const objects = all((text) => blocks(text, 'yaml')).flatMap(({ path, found }) =>
      parseAllDocuments(found).map((document) => ({
        path,
        object: document.toJS() as { kind?: string; spec?: unknown },
      })),
    );
    const checked = objects.flatMap(({ path, object }) => {
      const definition = DEFINITIONS.find(({ kind }) => kind === object?.kind);
      if (definition === undefined) return [];
      const { error } = definition.spec.safeParse(object.spec);
      assert.equal(error, undefined, `${path}: ${object.kind}: ${error?.message}`);
      return [definition.kind];
    });
    for (const kind of ['MirrordWorkloadQueueRegistry', 'MirrordKafkaTopicsConsumer', 'SplitSession']) {
      assert.ok(checked.includes(kind), `the pages show a ${kind}`);
    }
  });

  test('every qsplit command is one', async () => {
    const lines = all(commands).filter(({ found }) => /^qsplit /.test(found));
    assert.ok(lines.length >= 3);
    for (const { path, found } of lines) {
      const words = found.split(' ').slice(1);
      const nothing = async () => undefined;
      const complaints: string[] = [];
      const silent = { out: () => undefined, err: (text: string) => void complaints.push(text) };
      const program = commandLine({ exec: nothing, status: nothing, end: nothing }, silent);
      await program.parseAsync(words, { from: 'user' }).catch(() => undefined);
      assert.deepEqual(complaints, [], `${path}: ${found}`);
    }
  });

  test('every npm script and every option of the demo is there', () => {
    const scripts = PAGES.flatMap(({ text }) => [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name));
    const own = new Set(scripts.filter((name) => name !== 'worker'));
    for (const name of own) assert.ok(Object.hasOwn(packageJson.scripts, name), `npm run ${name}`);
    const readme = PAGES.find(({ path }) => path === 'README.md')?.text ?? '';
    const [table = ''] = /\| `npm run demo -- …`[\s\S]*?\n\n/.exec(readme) ?? [];
    const options = [...table.matchAll(/`(--[\w-]+)(?: PATH)?`/g)].map(([, option = '']) => option);
    assert.ok(options.length >= 5);
    for (const option of options) {
      assert.doesNotThrow(() => parseCommand(option === '--kubeconfig' ? [option, 'x'] : [option]), option);
      assert.ok(HELP.includes(option), `${option} is in --help`);
    }
  });

  test('every value that helm is given is one of the chart', async () => {
    const values = await defaultValues();
    const given = PAGES.flatMap(({ text }) => [...text.matchAll(/--set ([\w.]+)=/g)].map(([, name = '']) => name));
    assert.ok(given.length > 3);
    for (const name of given) {
      const found = name
        .split('.')
        .reduce<unknown>((at, step) => (at as Record<string, unknown> | null)?.[step], values);
      assert.notEqual(found, undefined, `--set ${name}`);
    }
  });

  test('every rule that a comment names is explained', () => {
    const rules = PAGES.find(({ path }) => path === 'docs/rules.md')?.text ?? '';
    const explained = rules.split(/^## /m).flatMap((part) => {
      const [title = ''] = part.split('\n');
      return [...part.matchAll(/^\| ([CQ]\d+) \|/gm)].map(([, rule]) => `${title} ${rule}`);
    });
    const named = globSync('{api,common,webhook,controller,sidecar,cli,docs,test}/**/*.{ts,md}', { cwd: ROOT }).flatMap(
      (path) =>
        [
          ...readFileSync(join(ROOT, path), 'utf8').matchAll(/(kafka|kubernetes)-notes ((?:(?:, |–)?[CQ]\d+)+)/g),
        ].flatMap(([, of, list = '']) => [...list.matchAll(/[CQ]\d+/g)].map(([rule]) => `${of}-notes ${rule}`)),
    );
    assert.ok(named.length > 30);
    assert.deepEqual(
      [...new Set(named)].filter((rule) => !explained.includes(rule)),
      [],
    );
  });

  test('every link leads somewhere', () => {
    const links = PAGES.flatMap(({ path, text }) =>
      [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].map(([, to = '', anchor]) => ({
        path,
        to,
        anchor,
      })),
    );
    assert.ok(links.length > 20);
    for (const { path, to, anchor } of links) {
      const target = to === '' ? path : join(dirname(path), to);
      assert.ok(existsSync(join(ROOT, target)), `${path} leads to ${to}`);
      if (anchor === undefined) continue;
      assert.ok(
        anchorsOf(readFileSync(join(ROOT, target), 'utf8')).includes(anchor),
        `${path} leads to ${to}#${anchor}`,
      );
    }
  });
});
