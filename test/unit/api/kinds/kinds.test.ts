import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { z } from 'zod';
import { DEFINITIONS } from '../../../../api/crd/definitions.ts';
import { describeIssues, fieldPath } from '../../../../api/kinds/issues.ts';

const specOf = (kind: string): z.ZodType => {
  const definition = DEFINITIONS.find((one) => one.kind === kind);
  assert.ok(definition, kind);
  return definition.spec;
};

/** What is wrong with a spec, in one line. */
function faults(kind: string, spec: unknown): string {
  const { error } = specOf(kind).safeParse(spec);
  return error === undefined ? '' : describeIssues(error, ['spec']);
}

const GUIDE = [
  'queue-registry',
  'topics-consumer',
  'client-config-base',
  'client-config-inheritance',
  'client-config-secret',
  'client-config-msk',
  'client-config-ssl',
  'client-config-ssl-secret',
];

describe("the guide's examples are valid", () => {
  for (const file of GUIDE) {
    it(file, async () => {
      const text = await readFile(new URL(`../../../fixtures/guide/${file}.yaml`, import.meta.url), 'utf8');
      for (const document of parseAllDocuments(text)) {
        const { kind, spec } = document.toJS();
        if (kind !== 'Secret') assert.equal(faults(kind, spec), '');
      }
    });
  }
});

describe('wrong ones are refused with the name of the field', () => {
  const source = { directEnvVar: { container: 'app', variable: 'A' } };
  const topic = { id: 'a', clientConfig: 'base', nameSources: [source] };
  const consumer = (fields: object) => ({
    consumerName: 'x',
    consumerKind: 'Deployment',
    consumerApiVersion: 'apps/v1',
    topics: [{ ...topic, ...fields }],
  });
  const registry = (queue: object) => ({
    consumer: { name: 'x', workloadType: 'Deployment' },
    queues: { 'my.queue': queue },
  });
  const session = (queue: object) => ({
    target: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' },
    queues: [{ id: 'a', kind: 'SQS', filter: {}, ...queue }],
  });
  const cases: [string, string, object, RegExp | ''][] = [
    ['unknown brokers keep their fields', 'MirrordWorkloadQueueRegistry', registry({ queueType: 'RMQ', x: 1 }), ''],
    [
      'no source',
      'MirrordWorkloadQueueRegistry',
      registry({ queueType: 'SQS' }),
      /spec\.queues\["my\.queue"\]\.nameSource: /,
    ],
    [
      'two sources',
      'MirrordWorkloadQueueRegistry',
      registry({ queueType: 'SQS', nameSource: { envVar: 'A', regexPattern: 'b' } }),
      /nameSource: .*exactly one/,
    ],
    [
      'null where nothing is meant',
      'MirrordWorkloadQueueRegistry',
      registry({ queueType: 'SQS', nameSource: { envVar: 'A' }, sns: null }),
      '',
    ],
    [
      'the older spelling',
      'MirrordKafkaTopicsConsumer',
      consumer({ groupIdSources: [{ directEnvVar: { container: 'a', name: 'A' } }] }),
      '',
    ],
    [
      'no variable',
      'MirrordKafkaTopicsConsumer',
      consumer({ groupIdSources: [{ directEnvVar: { container: 'a' } }] }),
      /topics\[0\]\.groupIdSources\[0\]\.directEnvVar\.variable: /,
    ],
    ['no group', 'MirrordKafkaTopicsConsumer', consumer({}), /topics\[0\]\.groupIdSources: .*exactly one/],
    [
      'group and application',
      'MirrordKafkaTopicsConsumer',
      consumer({ groupIdSources: [source], applicationIdSources: [source] }),
      /exactly one/,
    ],
    [
      'a broken number',
      'MirrordKafkaClientConfig',
      { properties: [{ name: 'a', value: 1.5 }] },
      /spec\.properties\[0\]\.value: .*quotes/,
    ],
    ['a whole number', 'MirrordKafkaClientConfig', { properties: [{ name: 'a', value: 4 }] }, ''],
    [
      'a Secret without namespace',
      'MirrordKafkaClientConfig',
      { properties: [], loadFromSecret: 'a' },
      /loadFromSecret: must be <namespace>\/<name>/,
    ],
    ['a mode that is none', 'SplitSession', session({ mode: 'copy' }), /spec\.queues\[0\]\.mode/],
    [
      'too many attributes',
      'SplitSession',
      session({ filter: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`a${i}`, 'x'])) }),
      /filter: at most 32/,
    ],
  ];
  for (const [what, kind, spec, expected] of cases) {
    it(`${kind}: ${what}`, () => {
      if (expected === '') assert.equal(faults(kind, spec), '');
      else assert.match(faults(kind, spec), expected);
    });
  }
});

it('a path is written as people write it', () => {
  assert.equal(fieldPath(['spec', 'queues', 'my.queue', 0, 'a-b']), 'spec.queues["my.queue"][0].a-b');
});
