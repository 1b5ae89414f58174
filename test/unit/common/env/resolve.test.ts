import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { escapeReferences, parseReferences } from '../../../../common/env/expansion.ts';
import type { ConfigMap, Container, EnvVar } from '../../../../common/env/pod-spec.ts';
import { type Environment, referencedConfigMaps, resolveEnvironment } from '../../../../common/env/resolve.ts';
import { fc } from '../../../random.ts';

const environmentOf = (container: Omit<Container, 'name'>, configMaps: Record<string, ConfigMap> = {}): Environment =>
  resolveEnvironment({ name: 'app', ...container }, new Map(Object.entries(configMaps)));

/** What the container sees, or what was found instead. */
const shown = ({ variables }: Environment): Record<string, string> =>
  Object.fromEntries(
    [...variables].map(([name, found]) => [name, 'value' in found ? found.value : `unreadable: ${found.unreadable}`]),
  );

const fromMap = (name: string, map: string, key: string, optional?: boolean): EnvVar => ({
  name,
  valueFrom: { configMapKeyRef: { name: map, key, ...(optional === undefined ? {} : { optional }) } },
});

describe('the rules of the kubelet', () => {
  it('loads envFrom in order: a later source overwrites an earlier one', () => {
    const environment = environmentOf(
      { envFrom: [{ configMapRef: { name: 'one' } }, { configMapRef: { name: 'two' } }] },
      { one: { data: { QUEUE: 'first', ONLY: 'one' } }, two: { data: { QUEUE: 'second' } } },
    );
    assert.deepEqual(shown(environment), { QUEUE: 'second', ONLY: 'one' });
    assert.deepEqual(environment.variables.get('QUEUE'), { value: 'second', origin: 'envFrom configMap two' });
  });

  it('glues the prefix in front of each key', () => {
    const environment = environmentOf(
      { envFrom: [{ prefix: 'APP_', configMapRef: { name: 'one' } }] },
      { one: { data: { QUEUE: 'orders' } } },
    );
    assert.deepEqual(shown(environment), { APP_QUEUE: 'orders' });
  });

  it('ignores binaryData in envFrom', () => {
    const environment = environmentOf(
      { envFrom: [{ configMapRef: { name: 'one' } }] },
      { one: { binaryData: { QUEUE: 'b3JkZXJz' } } },
    );
    assert.deepEqual(shown(environment), {});
  });

  it('skips a missing ConfigMap of envFrom if it is optional, and names it if it is not', () => {
    assert.deepEqual(
      environmentOf({ envFrom: [{ configMapRef: { name: 'gone', optional: true } }] }).opaqueSources,
      [],
    );
    assert.deepEqual(environmentOf({ envFrom: [{ configMapRef: { name: 'gone' } }] }).opaqueSources, [
      'ConfigMap gone (envFrom), which does not exist',
    ]);
  });

  it('lets env beat envFrom, and a later duplicate beat an earlier one', () => {
    const environment = environmentOf(
      {
        envFrom: [{ configMapRef: { name: 'one' } }],
        env: [
          { name: 'QUEUE', value: 'first' },
          { name: 'QUEUE', value: 'second' },
        ],
      },
      { one: { data: { QUEUE: 'loaded' } } },
    );
    assert.deepEqual(environment.variables.get('QUEUE'), { value: 'second', origin: 'env value' });
  });

  it('expands references to what is set so far, envFrom included', () => {
    const environment = environmentOf(
      {
        envFrom: [{ configMapRef: { name: 'one' } }],
        env: [
          { name: 'URL', value: 'https://$(HOST)/$(QUEUE)' },
          { name: 'QUEUE', value: 'orders' },
          { name: 'AGAIN', value: '$(QUEUE)' },
        ],
      },
      { one: { data: { HOST: 'sqs' } } },
    );
    assert.deepEqual(shown(environment), {
      HOST: 'sqs',
      URL: 'https://sqs/$(QUEUE)',
      QUEUE: 'orders',
      AGAIN: 'orders',
    });
  });

  it('keeps unknown references as text, and $$ escapes', () => {
    const environment = environmentOf({
      env: [
        { name: 'A', value: '$(nothing)' },
        { name: 'B', value: '$$(A) costs 5$ or $x, $(open' },
      ],
    });
    assert.deepEqual(shown(environment), { A: '$(nothing)', B: '$(A) costs 5$ or $x, $(open' });
  });

  it('does not expand values of ConfigMaps', () => {
    const environment = environmentOf(
      { envFrom: [{ configMapRef: { name: 'one' } }], env: [{ name: 'A', value: 'a' }, fromMap('B', 'one', 'B')] },
      { one: { data: { B: '$(A)', C: '$(A)' } } },
    );
    assert.deepEqual(shown(environment), { A: 'a', B: '$(A)', C: '$(A)' });
    assert.deepEqual(environment.variables.get('B'), { value: '$(A)', origin: 'configMapKeyRef one/B' });
  });

  it('takes an empty value for a value, which hides that of envFrom', () => {
    for (const entry of [{ name: 'QUEUE', value: '' }, { name: 'QUEUE' }]) {
      const environment = environmentOf(
        { envFrom: [{ configMapRef: { name: 'one' } }], env: [entry] },
        { one: { data: { QUEUE: 'loaded' } } },
      );
      assert.deepEqual(shown(environment), { QUEUE: '' });
    }
  });

  it('skips an optional reference to nothing, so that the earlier value stays', () => {
    const container = { env: [{ name: 'QUEUE', value: 'earlier' }, fromMap('QUEUE', 'gone', 'queue', true)] };
    assert.deepEqual(shown(environmentOf(container)), { QUEUE: 'earlier' });
    assert.deepEqual(shown(environmentOf(container, { gone: { data: {} } })), { QUEUE: 'earlier' });
  });

  it('says what is missing where a reference is not optional', () => {
    const container = { env: [fromMap('QUEUE', 'one', 'queue')] };
    assert.deepEqual(environmentOf(container).variables.get('QUEUE'), {
      code: 'ConfigMapMissing',
      unreadable: 'comes from the ConfigMap one, which does not exist',
    });
    assert.deepEqual(environmentOf(container, { one: { binaryData: { queue: 'eA==' } } }).variables.get('QUEUE'), {
      code: 'ConfigMapMissing',
      unreadable:
        'comes from the ConfigMap one, which has no key queue (it is in binaryData, which is no source of variables)',
    });
  });

  it('never guesses what comes from elsewhere', () => {
    const environment = environmentOf({
      env: [
        { name: 'SECRET', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } },
        { name: 'FIELD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'RESOURCE', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
        { name: 'FILE', valueFrom: { fileKeyRef: { volumeName: 'v', path: 'a.env', key: 'k' } } },
        { name: 'STRANGE', valueFrom: {} },
        { name: 'BUILT', value: 'a-$(SECRET)' },
        { name: 'SERVICE', value: '$(ORDERS_SERVICE_HOST)' },
      ],
    });
    assert.deepEqual(shown(environment), {
      SECRET: 'unreadable: comes from the Secret db, key password',
      FIELD: "unreadable: comes from the pod's field metadata.name",
      RESOURCE: "unreadable: comes from the container's resource limits.cpu",
      FILE: 'unreadable: comes from the file a.env, key k',
      STRANGE: 'unreadable: has a source of an unknown kind (empty valueFrom)',
      BUILT: 'unreadable: refers to $(SECRET), which comes from the Secret db, key password',
      SERVICE: 'unreadable: refers to $(ORDERS_SERVICE_HOST), a variable of a Service',
    });
  });

  it('takes an optional Secret for unreadable, too: whether it is there cannot be known', () => {
    const environment = environmentOf({
      env: [
        { name: 'QUEUE', value: 'earlier' },
        { name: 'QUEUE', valueFrom: { secretKeyRef: { name: 'db', key: 'queue', optional: true } } },
      ],
    });
    assert.deepEqual(shown(environment), { QUEUE: 'unreadable: comes from the Secret db, key queue' });
  });

  it('warns where a Secret of envFrom may overwrite, and not where env does anyway', () => {
    const environment = environmentOf(
      {
        envFrom: [{ configMapRef: { name: 'one' } }, { prefix: 'Q', secretRef: { name: 'db' } }],
        env: [{ name: 'Q2', value: 'sure' }],
      },
      { one: { data: { Q1: 'a', Q2: 'b', OTHER: 'c' } } },
    );
    const warnings = [...environment.variables].map(([name, found]) => [name, 'warning' in found]);
    assert.deepEqual(Object.fromEntries(warnings), { Q1: true, Q2: false, OTHER: false });
    assert.deepEqual(environment.opaqueSources, ['Secret db (envFrom)']);
  });
});

describe('referencedConfigMaps', () => {
  it('names every ConfigMap of every container once', () => {
    const container = (name: string, map: string): Container => ({
      name,
      envFrom: [{ configMapRef: { name: map } }, { secretRef: { name: 'secret' } }],
      env: [fromMap('A', 'shared', 'a')],
    });
    const names = referencedConfigMaps({
      containers: [container('a', 'one')],
      initContainers: [container('b', 'two')],
    });
    assert.deepEqual(names.toSorted(), ['one', 'shared', 'two']);
  });
});

describe('references', () => {
  it('what is escaped expands to itself', () => {
    const tricky = fc.string({ unit: fc.constantFrom('$', '(', ')', 'a', '{') });
    fc.assert(
      fc.property(tricky, (text) => {
        const { variables } = environmentOf({
          env: [
            { name: 'a', value: 'expanded' },
            { name: 'X', value: escapeReferences(text) },
          ],
        });
        assert.deepEqual(variables.get('X'), { value: text, origin: 'env value' });
      }),
    );
  });

  it('splits a value into text and references', () => {
    assert.deepEqual(parseReferences('a$(B)$$(C)$(D'), [{ text: 'a' }, { reference: 'B' }, { text: '$(C)$(D' }]);
  });
});
