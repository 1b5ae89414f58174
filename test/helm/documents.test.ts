// Documents and chart say the same: values, variables, permissions, metrics, reasons of errors.
import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SPLIT_PHASES } from '../../api/kinds/workload-split.ts';
import { ERROR_CODES } from '../../common/errors.ts';
import { forwardingMetrics } from '../../common/metrics/forwarding.ts';
import { kubeMetrics, workQueueMetrics } from '../../common/metrics/kube.ts';
import { registry } from '../../common/metrics/registry.ts';
import { sessionMetrics } from '../../common/metrics/sessions.ts';
import { webhookMetrics } from '../../common/metrics/webhook.ts';
import { CHART, defaultValues, leaves, type Manifest, ofKind, render } from './chart.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const reference = (name: string): Promise<string> => readFile(join(ROOT, 'docs/reference', name), 'utf8');

/** What stands between backticks in the first cell of each table row of a section. */
function firstCells(text: string): string[] {
  const rows = text.split('\n').filter((line) => line.startsWith('| `'));
  return rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name));
}

function section(text: string, title: string): string {
  const found = text.split(/^## /m).find((part) => part.startsWith(`${title}\n`));
  if (found === undefined) throw new Error(`There is no section ${title}.`);
  return found;
}

type Container = { args: string[]; env: { name: string }[] };
const containersOf = (manifest: Manifest): Container[] =>
  (manifest['spec'] as { template: { spec: { containers: Container[] } } }).template.spec.containers;

const SETTING = /\b(QUEUE_SPLITTER_[A-Z_]+|POD_[A-Z_]+)\b/g;
const names = (text: string): string[] => [...text.matchAll(SETTING)].map(([name]) => name);

/** Stands for whatever the value names. */
const SECRET = 'kafka-login';

const manifests = await render({
  operator: {
    sqsSplittingLingerTimeout: 1,
    idleKafkaSplitTtlMillis: 1,
    kafkaSplittingTopicFormat: '{{RANDOM}}{{FALLBACK}}{{ORIGINAL_TOPIC}}',
    kafkaSecrets: [SECRET],
  },
  aws: { region: 'other', endpoint: 'http://other' },
  kafka: { drainTimeoutSeconds: 1 },
});

describe('configuration.md', () => {
  it('lists every value of the chart and no other', async () => {
    const values = leaves(await defaultValues()).map(({ path }) => path.join('.'));
    assert.deepEqual(
      firstCells(section(await reference('configuration.md'), 'Chart values')).toSorted(),
      values.toSorted(),
    );
  });

  it('lists every variable that the chart sets and no other', async () => {
    const set = ofKind(manifests, 'Deployment', 'Job').flatMap((manifest) =>
      containersOf(manifest).flatMap(({ env }) => env.map(({ name }) => name)),
    );
    const listed = firstCells(section(await reference('configuration.md'), 'Environment variables'));
    assert.deepEqual(listed.toSorted(), [...new Set(set)].toSorted());
  });
});

/** What the programs in the cluster read from their environment, as text. */
async function programTexts(): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for await (const file of glob('{common,webhook,controller,sidecar}/**/*.ts', { cwd: ROOT })) {
    texts.set(file, await readFile(join(ROOT, file), 'utf8'));
  }
  return texts;
}

describe('the chart and the programs', async () => {
  const texts = await programTexts();

  for (const manifest of ofKind(manifests, 'Deployment', 'Job')) {
    for (const { args, env } of containersOf(manifest)) {
      const program = (args[0] ?? '').replace(/\.js$/, '.ts');
      it(`${program} gets every variable that it cannot do without`, () => {
        const own = [program, program.replace('main.ts', 'config.ts')].map((file) => texts.get(file) ?? '').join('\n');
        const required = [...own.matchAll(/^\s*(QUEUE_SPLITTER_[A-Z_]+|POD_[A-Z_]+): (.*),$/gm)]
          .filter(([, , schema = '']) => !/default|optional/.test(schema))
          .map(([, name = '']) => name);
        const given = new Set(env.map(({ name }) => name));
        assert.ok(texts.has(program), `there is no ${program}`);
        assert.ok(own.includes('QUEUE_SPLITTER_NAMESPACE'), `no settings of ${program} were found`);
        assert.deepEqual(
          required.filter((name) => !given.has(name)),
          [],
        );
      });
    }
  }

  for (const manifest of ofKind(manifests, 'Deployment')) {
    for (const { args, env } of containersOf(manifest)) {
      const [folder = ''] = (args[0] ?? '').split('/');
      it(`${folder} reads every variable that the chart gives it`, () => {
        const own = [...texts].filter(([file]) => file.startsWith(`${folder}/`) || file.startsWith('common/'));
        const used = new Set(own.flatMap(([, text]) => names(text)));
        const given = names(env.map(({ name }) => name).join(' '));
        assert.ok(given.length > 3);
        assert.deepEqual(
          given.filter((name) => !used.has(name)),
          [],
        );
      });
    }
  }

  const read = new Set([...texts.values()].flatMap(names));

  it('every variable that the chart sets is read by some program', () => {
    const set = new Set(names(JSON.stringify(manifests)));
    assert.deepEqual(
      [...set].filter((name) => !read.has(name)),
      [],
    );
  });

  it('every variable that some program reads is documented', async () => {
    const documented = new Set(names(await reference('configuration.md')));
    assert.deepEqual(
      [...read].filter((name) => !documented.has(name)),
      [],
    );
  });
});

describe('rbac.md', () => {
  it('lists every rule that the chart grants and no other', async () => {
    type Rule = { resources: string[]; resourceNames?: string[]; verbs: string[] };
    const granted = ofKind(manifests, 'ClusterRole', 'Role').flatMap((role) =>
      (role['rules'] as Rule[]).map(({ resources, resourceNames, verbs }) => {
        const name = role.kind === 'Role' ? `${role.metadata.name} (Role)` : role.metadata.name;
        const which = resourceNames === undefined ? '' : ` \`${resourceNames.join(', ')}\``;
        return `${name} | ${resources.join(', ')}${which} | ${verbs.join(', ')}`;
      }),
    );
    const listed = (await reference('rbac.md'))
      .split('\n')
      .filter((line) => line.startsWith('| queue-splitter'))
      .map((line) => line.split(' | ').slice(0, 3).join(' | ').slice(2).replace('operator.kafkaSecrets', SECRET));
    assert.deepEqual(listed.toSorted(), granted.toSorted());
  });
});

describe('metrics', () => {
  const known = (): string[] => registry.getMetricsAsArray().map(({ name }) => name);

  it('metrics.md lists every metric and no other', async () => {
    assert.deepEqual(firstCells(await reference('metrics.md')).toSorted(), known().toSorted());
  });

  it('every metric is written by some program', async () => {
    const texts = [...(await programTexts())].filter(([file]) => !file.startsWith('common/metrics/'));
    const declared = {
      ...forwardingMetrics,
      ...kubeMetrics,
      ...workQueueMetrics,
      ...sessionMetrics,
      ...webhookMetrics,
    };
    const isWritten = (name: string): boolean =>
      texts.some(([, text]) => new RegExp(`\\b\\w*[mM]etrics\\.${name}\\b`).test(text));
    assert.deepEqual(
      Object.keys(declared).filter((name) => !isWritten(name)),
      [],
    );
  });

  for (const file of ['files/alerts.yaml', 'files/dashboards/queue-splitter.json']) {
    it(`${file} asks only for metrics that exist`, async () => {
      const text = await readFile(join(CHART, file), 'utf8');
      const asked = [...text.matchAll(/queue_splitter_[a-z_]+/g)].map(([name]) => name.replace(/_bucket$/, ''));
      assert.notEqual(asked.length, 0);
      const existing = new Set([...known(), 'queue_splitter_build_info']);
      assert.deepEqual(
        [...new Set(asked)].filter((name) => !existing.has(name)),
        [],
      );
    });
  }

  it('alerts ask only for processes and phases that exist', async () => {
    const text = await readFile(join(CHART, 'files/alerts.yaml'), 'utf8');
    const existing = { process: ['webhook', 'controller', 'forwarder'], phase: SPLIT_PHASES };
    for (const [label, values] of Object.entries(existing)) {
      const asked = [...text.matchAll(new RegExp(`\\b${label}=~?"([^"]+)"`, 'g'))].flatMap(([, one = '']) =>
        one.split('|'),
      );
      assert.notEqual(asked.length, 0);
      assert.deepEqual(
        asked.filter((value) => !values.some((name) => name === value)),
        [],
      );
    }
  });
});

describe('errors.md', () => {
  it('explains every reason and no other', async () => {
    assert.deepEqual(firstCells(await reference('errors.md')).toSorted(), [...ERROR_CODES].toSorted());
  });
});

describe('links in documents', () => {
  it('lead to files that exist', async () => {
    const broken: string[] = [];
    for await (const file of glob('{*.md,docs/**/*.md,charts/**/*.md}', { cwd: ROOT })) {
      const text = await readFile(join(ROOT, file), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
        const path = join(ROOT, file, '..', target);
        await readFile(path).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'EISDIR') broken.push(`${file}: ${target}`);
        });
      }
    }
    assert.deepEqual(broken, []);
  });
});
