import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container } from '../../../../common/env/pod-spec.ts';
import { type Environment, resolveEnvironment } from '../../../../common/env/resolve.ts';
import { findVariables, type NameSource, selectContainers } from '../../../../common/env/sources.ts';

const container = (name: string, values: Record<string, string>): Container => ({
  name,
  env: Object.entries(values).map(([key, value]) => ({ name: key, value })),
});
const environments = (...containers: Container[]): Environment[] =>
  containers.map((one) => resolveEnvironment(one, new Map()));
const source = (match: NameSource['match'], more: Partial<NameSource> = {}): NameSource => ({
  match,
  jsonMap: false,
  ...more,
});

describe('selectContainers', () => {
  const template = {
    containers: [container('app', {}), container('sidecar', {})],
    initContainers: [container('setup', {})],
  };

  it('finds a named one, init containers included, and else all that run', () => {
    assert.deepEqual(
      selectContainers(template, 'setup').map(({ name }) => name),
      ['setup'],
    );
    assert.deepEqual(
      selectContainers(template).map(({ name }) => name),
      ['app', 'sidecar'],
    );
  });

  it('counts init containers that are restarted among those that run: they are sidecars', () => {
    const proxy: Container = { ...container('proxy', {}), restartPolicy: 'Always' };
    const found = selectContainers({ ...template, initContainers: [...template.initContainers, proxy] });
    assert.deepEqual(
      found.map(({ name }) => name),
      ['app', 'sidecar', 'proxy'],
    );
  });

  it('lists the containers that exist', () => {
    assert.throws(() => selectContainers(template, 'main'), {
      code: 'VariableMissing',
      message: /no container main; it has app, sidecar, setup/,
    });
  });
});

describe('findVariables', () => {
  it('finds a variable by its exact name in every container that has it', () => {
    const found = findVariables(
      environments(container('app', { QUEUE: 'orders', QUEUE_2: 'x' }), container('other', { A: 'b' })),
      source({ variable: 'QUEUE' }),
      'orders',
    );
    assert.deepEqual(found, [
      { container: 'app', variable: 'QUEUE', value: 'orders', origin: 'env value', names: ['orders'], jsonMap: false },
    ]);
  });

  it('finds variables by a pattern that is searched in the name', () => {
    const found = findVariables(
      environments(container('app', { EVENT_QUEUE_A: 'a', EVENT_QUEUE_B: 'b', OTHER: 'c' })),
      source({ pattern: '^EVENT_QUEUE_.+$' }),
      'events',
    );
    assert.deepEqual(
      found.map(({ variable, value }) => [variable, value]),
      [
        ['EVENT_QUEUE_A', 'a'],
        ['EVENT_QUEUE_B', 'b'],
      ],
    );
  });

  it('adds the variable with the default name to every container looked at', () => {
    const found = findVariables(
      environments(container('app', {}), container('other', {})),
      source({ variable: 'QUEUE' }, { defaultValue: '{"a":"one"}', jsonMap: true }),
      'orders',
    );
    assert.deepEqual(
      found.map(({ container: name, names, origin }) => [name, names, origin]),
      [
        ['app', ['one'], 'default name'],
        ['other', ['one'], 'default name'],
      ],
    );
  });

  it('refuses with what was found and what to do', () => {
    const secret: Container = {
      name: 'app',
      env: [{ name: 'QUEUE', valueFrom: { secretKeyRef: { name: 'db', key: 'queue' } } }],
    };
    assert.throws(
      () => findVariables(environments(secret), source({ variable: 'QUEUE' }, { defaultValue: 'x' }), 'orders'),
      {
        code: 'VariableUnreadable',
        message:
          'Variable QUEUE of container app (queue id orders) comes from the Secret db, key queue. Only values in the pod template and in ConfigMaps can be read: put the name there.',
      },
    );
    assert.throws(
      () => findVariables(environments(container('app', { QUEUE: '' })), source({ variable: 'QUEUE' }), 'o'),
      {
        code: 'VariableUnreadable',
        message: /is empty/,
      },
    );
    const hidden: Container = { name: 'app', envFrom: [{ secretRef: { name: 'db' } }] };
    assert.throws(() => findVariables(environments(hidden), source({ variable: 'QUEUE' }), 'orders'), {
      code: 'VariableMissing',
      message: /no variable QUEUE for queue id orders.*containers looked at: app.*may come from Secret db \(envFrom\)/,
    });
    assert.throws(() => findVariables(environments(container('app', {})), source({ pattern: 'a(' }), 'orders'), {
      code: 'InvalidConfig',
      message: /regexPattern "a\(" of queue id orders/,
    });
  });

  it('refuses a JSON map that is none, saying what it is', () => {
    const cases = {
      'not json': /not valid JSON/,
      '["a"]': /it is an array/,
      '{"a":1}': /the value of "a" is a number/,
    };
    for (const [value, message] of Object.entries(cases)) {
      assert.throws(
        () =>
          findVariables(
            environments(container('app', { QUEUES: value })),
            source({ variable: 'QUEUES' }, { jsonMap: true }),
            'bundle',
          ),
        { code: 'VariableUnreadable', message },
      );
    }
  });
});
