import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selectEnvironment } from '../../../../cli/session/environment.ts';

const entry = (container: string, variable: string, value: string) => ({ container, variable, value });

test('all containers when none was chosen, only its own when one was', () => {
  const entries = [entry('app', 'ORDERS', 'a'), entry('sidecar', 'AUDIT', 'b')];
  assert.deepEqual(selectEnvironment(entries, undefined, 'deployment/w'), { ORDERS: 'a', AUDIT: 'b' });
  assert.deepEqual(selectEnvironment(entries, 'sidecar', 'deployment/w'), { AUDIT: 'b' });
});

test('the same value in two containers is no clash', () => {
  const entries = [entry('app', 'ORDERS', 'a'), entry('sidecar', 'ORDERS', 'a')];
  assert.deepEqual(selectEnvironment(entries, undefined, 'deployment/w'), { ORDERS: 'a' });
});

test('two values of one variable are listed, and choosing a container solves it', () => {
  const entries = [entry('app', 'ORDERS', 'a'), entry('sidecar', 'ORDERS', 'b'), entry('app', 'OTHER', 'c')];
  assert.throws(() => selectEnvironment(entries, undefined, 'deployment/w'), {
    code: 'InvalidConfig',
    message: 'Containers of the target give one variable different values: ORDERS (app: a; sidecar: b)',
    details: { hint: 'choose the container that you run here with --target deployment/w/container/NAME' },
  });
  assert.deepEqual(selectEnvironment(entries, 'app', 'deployment/w'), { ORDERS: 'a', OTHER: 'c' });
});

test('a container without any of the variables is refused with those that have some', () => {
  assert.throws(() => selectEnvironment([entry('app', 'ORDERS', 'a')], 'proxy', 'deployment/w'), {
    code: 'VariableMissing',
    message: /proxy.*these have: app$/,
  });
});
