import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { machineTraces, timersInTests, tooLong, withoutHeader } from '../../../tools/checks/files.ts';

const file = (path: string, text: string) => ({ path, text });

describe('checks over files', () => {
  it('finds source files that are too long, and no others', () => {
    const long = 'x\n'.repeat(321);
    assert.equal(tooLong([file('common/a.ts', long), file('README.md', long)]).length, 1);
    assert.deepEqual(tooLong([file('common/a.ts', 'x\n'.repeat(320))]), []);
  });

  it('finds waits by time in tests, and leaves waitFor and the sample shop alone', () => {
    const wait = "import { setTimeout } from 'node:timers/promises';\nsetTimeout(1000);\n";
    assert.deepEqual(
      timersInTests([file('test/unit/a.test.ts', wait)]).map((line) => line.split(' ')[0]),
      ['test/unit/a.test.ts:1', 'test/unit/a.test.ts:2'],
    );
    const allowed = ['test/testbed/wait.ts', 'test/shop/worker.ts', 'sidecar/a.ts'];
    assert.deepEqual(timersInTests(allowed.map((path) => file(path, wait))), []);
    assert.deepEqual(timersInTests([file('test/a.ts', 'socket.setTimeout(10);')]), []);
  });

  it('finds traces of one machine', () => {
    assert.equal(machineTraces([file('a.md', 'see /home/jane/queue-splitter')]).length, 1);
    assert.equal(machineTraces([file('package-lock.json', '"resolved": "https://npm.example.test/x.tgz"')]).length, 1);
    assert.deepEqual(machineTraces([file('package-lock.json', '"resolved": "https://registry.npmjs.org/x.tgz"')]), []);
  });

  it('wants a header comment in every source file', () => {
    assert.equal(withoutHeader([file('common/a.ts', 'export const a = 1;')]).length, 1);
    const fine = ['// What it is for.', '/** What it is for. */', '#!/usr/bin/env node\n// What it is for.'];
    assert.deepEqual(withoutHeader(fine.map((text) => file('common/a.ts', text))), []);
  });
});
