import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { customResourceDefinition } from '../../../../api/crd/definition.ts';
import { DEFINITIONS } from '../../../../api/crd/definitions.ts';
import { type StructuralSchema, structuralSchema } from '../../../../api/crd/structural.ts';
import { crdTemplate, escapeBraces } from '../../../../api/crd/template.ts';

/** Every schema below `schema`, with its path. */
function* schemasIn(schema: StructuralSchema, path = ''): Generator<[string, StructuralSchema]> {
  yield [path, schema];
  for (const [key, value] of Object.entries(schema.properties ?? {})) yield* schemasIn(value, `${path}.${key}`);
  if (schema.additionalProperties) yield* schemasIn(schema.additionalProperties, `${path}.*`);
  if (schema.items) yield* schemasIn(schema.items, `${path}[]`);
}

const schemaOf = (kind: string): StructuralSchema => {
  const definition = DEFINITIONS.find((one) => one.kind === kind);
  assert.ok(definition, kind);
  const [version] = customResourceDefinition(definition).spec.versions;
  assert.ok(version);
  return version.schema.openAPIV3Schema;
};

const fieldOf = (kind: string, path: string): StructuralSchema => {
  const found = [...schemasIn(schemaOf(kind))].find(([at]) => at === path);
  assert.ok(found, `${kind}${path}`);
  return found[1];
};

describe('structuralSchema', () => {
  const described = z.string().max(9).describe('text');
  const convert = (schema: z.ZodType) => structuralSchema(schema, 'Kind.spec');

  it('keeps limits, defaults and nullability, and forgets the limits of JavaScript', () => {
    const schema = z
      .object({
        text: described.nullish(),
        count: z.number().int().min(1).default(3).describe('count'),
        offset: z.number().int().describe('offset'),
      })
      .describe('all');
    assert.deepEqual(convert(schema), {
      type: 'object',
      description: 'all',
      required: ['offset'],
      properties: {
        text: { type: 'string', description: 'text', maxLength: 9, nullable: true },
        count: { type: 'integer', description: 'count', format: 'int64', minimum: 1, default: 3 },
        offset: { type: 'integer', description: 'offset', format: 'int64' },
      },
    });
  });

  it('turns text or number into int-or-string', () => {
    const value = z
      .union([z.string().max(9), z.number().int()])
      .nullish()
      .describe('value');
    assert.deepEqual(convert(value), {
      description: 'value',
      nullable: true,
      'x-kubernetes-int-or-string': true,
      anyOf: [{ type: 'integer' }, { type: 'string' }],
      maxLength: 9,
    });
  });

  it('keeps unknown fields only where the schema is loose', () => {
    const loose = z.looseObject({ a: described }).describe('loose');
    assert.equal(convert(loose)['x-kubernetes-preserve-unknown-fields'], true);
    assert.equal('x-kubernetes-preserve-unknown-fields' in convert(z.object({ a: described }).describe('b')), false);
  });

  it('refuses what has no description, no limit, or no place in a structural schema', () => {
    const cases: [z.ZodType, RegExp][] = [
      [z.object({ a: z.string().max(1) }).describe('a'), /^Error: Kind\.spec\.a: has no description/],
      [z.object({ a: z.string().describe('a') }).describe('a'), /Kind\.spec\.a: has no maxLength/],
      [z.array(described).describe('a'), /Kind\.spec: has no maxItems/],
      [z.record(z.string(), described).describe('a'), /Kind\.spec: has no maxProperties/],
      [z.union([described, z.boolean()]).describe('a'), /of all unions/],
      [
        z.discriminatedUnion('t', [z.object({ t: z.literal('a') }), z.object({ t: z.literal('b') })]).describe('a'),
        /oneOf/,
      ],
    ];
    for (const [schema, message] of cases)
      assert.throws(
        () => convert(schema),
        (error) => message.test(String(error)),
      );
  });
});

describe('the definitions', () => {
  for (const definition of DEFINITIONS) {
    it(`${definition.kind} is described, limited and structural everywhere`, () => {
      for (const [path, schema] of schemasIn(schemaOf(definition.kind))) {
        if (path === '.metadata') continue;
        assert.ok(schema.description || path.endsWith('[]'), `${path} has no description`);
        assert.ok(schema.type || schema['x-kubernetes-int-or-string'], `${path} has no type`);
        for (const { rule } of (schema['x-kubernetes-validations'] ?? []) as { rule: string }[]) {
          assert.ok(!rule.includes('oldSelf') || !path.includes('['), `${path}: oldSelf needs a keyed list`);
        }
        const keys = (schema['x-kubernetes-list-map-keys'] ?? []) as string[];
        for (const key of keys) {
          const item = schema.items;
          assert.ok(item?.required?.includes(key) || item?.properties?.[key]?.default !== undefined, `${path}: ${key}`);
        }
      }
    });

    it(`${definition.kind} shows columns of fields that exist`, () => {
      const paths = [...schemasIn(schemaOf(definition.kind))].map(([path]) => path);
      const columns = [...definition.columns.map(({ jsonPath }) => jsonPath), ...(definition.selectableFields ?? [])];
      for (const column of columns) assert.ok(paths.includes(column.replaceAll('[*]', '[]')), column);
    });
  }

  it('names are unique', () => {
    for (const name of ['kind', 'plural'] as const) {
      assert.equal(new Set(DEFINITIONS.map((definition) => definition[name])).size, DEFINITIONS.length);
    }
    const short = DEFINITIONS.flatMap(({ shortNames }) => shortNames);
    assert.equal(new Set(short).size, short.length);
  });

  it('say the rules that the API server must check', () => {
    const rulesOf = (kind: string, path: string) =>
      ((fieldOf(kind, path)['x-kubernetes-validations'] ?? []) as { rule: string }[]).map(({ rule }) => rule);
    assert.deepEqual(rulesOf('SplitSession', '.spec'), ['self == oldSelf']);
    assert.match(rulesOf('MirrordWorkloadQueueRegistry', '.spec.queues.*').join(), /envVar.*regexPattern/);
    assert.match(
      rulesOf('MirrordKafkaTopicsConsumer', '.spec.topics[]').join(),
      /groupIdSources.*applicationIdSources/,
    );
    assert.match(
      rulesOf('MirrordKafkaTopicsConsumer', '.spec.topics[].nameSources[].directEnvVar').join(),
      /variable.*name/,
    );
    assert.equal(fieldOf('SplitSession', '.status.conditions')['x-kubernetes-list-type'], 'map');
    assert.equal(fieldOf('WorkloadSplit', '.status.conditions')['x-kubernetes-list-type'], 'map');
  });
});

describe('the Helm template', () => {
  it('escapes braces so that Helm prints them', () => {
    assert.equal(escapeBraces('a {{RANDOM}} b'), 'a {{ "{{" }}RANDOM{{ "}}" }} b');
    assert.equal(escapeBraces('{ {'), '{ {');
  });

  it('is a whole CRD between conditions', () => {
    for (const definition of DEFINITIONS) {
      const template = crdTemplate(definition);
      const yaml = template
        .split('\n')
        .filter((line) => !line.startsWith('{{-'))
        .join('\n');
      assert.deepEqual(parse(yaml), JSON.parse(JSON.stringify(customResourceDefinition(definition))));
      assert.equal(template.match(/\{\{- if /g)?.length, template.match(/\{\{- end \}\}/g)?.length);
      assert.ok(template.includes('.Values.crds.install'));
      assert.equal(template.includes('.Values.operator'), definition.condition !== undefined);
      assert.match(yaml, /helm\.sh\/resource-policy: keep/);
    }
  });
});
