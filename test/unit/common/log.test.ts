import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SplitterError } from '../../../common/errors.ts';
import { createLogger, parseLogLevel, warnOnce } from '../../../common/log.ts';
import { silentLog } from './silent-log.ts';

describe('parseLogLevel', () => {
  const cases: [text: string | undefined, level: string, unreadable: string[]][] = [
    [undefined, 'info', []],
    ['', 'info', []],
    ['debug', 'debug', []],
    [' WARN ', 'warn', []],
    ['off', 'silent', []],
    ['mirrord=info,operator=info', 'info', []],
    ['mirrord=info,operator=info,operator_sqs_splitting::forwarder=trace', 'trace', []],
    ['warn,hyper=trace', 'warn', []],
    ['hyper=trace', 'info', []],
    ['error,queue_splitter=debug', 'debug', []],
    ['operator[session{id=3}]=debug', 'debug', []],
    ['operator', 'trace', []],
    ['loud', 'info', ['loud']],
    ['warn,operator=loud', 'warn', ['operator=loud']],
  ];
  for (const [text, level, unreadable] of cases) {
    it(`reads ${text} as ${level}`, () => assert.deepEqual(parseLogLevel(text), { level, unreadable }));
  }
});

it('warnOnce says each sentence aloud once', () => {
  const log = silentLog();
  const once = warnOnce(log);
  once.warn({ queue: 'a' }, 'not granted');
  once.warn({ queue: 'b' }, 'not granted');
  once.warn({ queue: 'a' }, 'not found');
  once.error({}, 'failed');
  assert.deepEqual(
    log.entries.map(({ level, message }) => `${level} ${message}`),
    ['warn not granted', 'debug not granted', 'warn not found', 'error failed'],
  );
});

describe('createLogger', () => {
  function written(level: string, write: (log: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
    const lines: string[] = [];
    write(
      createLogger('test', { QUEUE_SPLITTER_LOG_LEVEL: level, POD_NAME: 'p' }, { write: (line) => lines.push(line) }),
    );
    return lines.map((line) => JSON.parse(line));
  }

  it('writes one JSON line with level word, code and details of an error', () => {
    const error = new SplitterError('ApiRejected', 'No.', { details: { status: 422 }, cause: new Error('below') });
    const [entry] = written('info', (log) => log.error({ err: error }, 'failed'));
    assert.deepEqual(
      [entry?.['level'], entry?.['name'], entry?.['pod'], entry?.['msg']],
      ['error', 'test', 'p', 'failed'],
    );
    const err = entry?.['err'] as Record<string, unknown>;
    assert.deepEqual([err['code'], err['details']], ['ApiRejected', { status: 422 }]);
    assert.match(String(err['message']), /No\..*below/, 'and the cause');
  });

  it('shows a stack only for errors that nobody expected', () => {
    const stackOf = (error: unknown): unknown => {
      const [entry] = written('info', (log) => log.warn({ err: error }, 'failed'));
      const err = entry?.['err'] as Record<string, unknown> | undefined;
      assert.ok(err);
      return err['stack'];
    };
    assert.equal(stackOf(new SplitterError('Conflict', 'modified')), undefined);
    assert.match(String(stackOf(new SplitterError('Internal', 'impossible'))), /at /);
    assert.match(String(stackOf(new TypeError('x is not a function'))), /at /);
  });

  it('blanks secrets', () => {
    const secret = 'hunter2';
    const entries = written('info', (log) => {
      log.info({
        password: secret,
        headers: { authorization: secret },
        a: { b: { token: secret } },
        key: 'shop/worker',
      });
    });
    assert.doesNotMatch(JSON.stringify(entries), /hunter2/);
    assert.equal(entries[0]?.['key'], 'shop/worker');
  });

  it('says which part of the level it does not understand', () => {
    const [entry] = written('loud', () => {});
    assert.deepEqual([entry?.['level'], entry?.['unreadable']], ['warn', ['loud']]);
  });
});
