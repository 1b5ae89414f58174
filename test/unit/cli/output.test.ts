import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { jsonReporter, mayColour, table, textReporter } from '../../../cli/output.ts';
import type { OutputStream } from '../../../cli/shell.ts';
import { FakeClock } from '../common/fake-clock.ts';

function stream(terminal: boolean): { out: OutputStream; text(): string } {
  const out: OutputStream = new PassThrough();
  let text = '';
  out.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  if (terminal) Object.assign(out, { isTTY: true, columns: 30 });
  return { out, text: () => text };
}

test('plain lines for a pipe', () => {
  const { out, text } = stream(false);
  const reporter = textReporter(out, {});
  reporter.say({ event: 'created', level: 'doing', message: 'Waiting.' });
  reporter.say({ event: 'ready', level: 'done', message: 'Done.', more: ['one', 'two'] });
  assert.equal(text(), 'qsplit … Waiting.\nqsplit ✓ Done.\nqsplit     one\nqsplit     two\n');
});

test('a terminal shows what is being done on one line that is replaced, cut to its width', () => {
  const { out, text } = stream(true);
  const reporter = textReporter(out, { NO_COLOR: '1' });
  reporter.say({ event: 'created', level: 'doing', message: 'Waiting for many pods to be restarted.' });
  reporter.say({ event: 'ready', level: 'done', message: 'Done.' });
  assert.equal(text(), 'qsplit … Waiting for many po…\r\u001b[2Kqsplit ✓ Done.\n');
});

test('there is no live line while the command shares the terminal', () => {
  const { out, text } = stream(true);
  const reporter = textReporter(out, { NO_COLOR: '1' });
  reporter.say({ event: 'created', level: 'doing', message: 'Starting.' });
  reporter.share(true);
  reporter.say({ event: 'ready', level: 'doing', message: 'Restarting.' });
  assert.equal(text(), 'qsplit … Starting.\r\u001b[2Kqsplit … Restarting.\n');
});

test('colours only for a terminal that wants them', () => {
  const terminal = stream(true);
  assert.equal(mayColour(terminal.out, {}), true);
  assert.equal(mayColour(terminal.out, { NO_COLOR: '1' }), false);
  assert.equal(mayColour(terminal.out, { TERM: 'dumb' }), false);
  assert.equal(mayColour(stream(false).out, {}), false);
  textReporter(terminal.out, {}).say({ event: 'created', level: 'error', message: 'No.' });
  assert.equal(terminal.text(), '\u001b[31mqsplit ✗ No.\u001b[39m\n');
});

test('JSON lines have time, event, level and facts', () => {
  const { out, text } = stream(false);
  const clock = new FakeClock(Date.UTC(2026, 2, 1, 12));
  jsonReporter(out, clock).say({ event: 'created', level: 'info', message: 'm', facts: { n: 1 }, more: ['not here'] });
  assert.equal(text(), '{"time":"2026-03-01T12:00:00.000Z","event":"created","level":"info","message":"m","n":1}\n');
});

test('tables are aligned', () => {
  assert.equal(
    table(
      ['A', 'LONG'],
      [
        ['wide', ''],
        ['b', 'c'],
      ],
    ),
    'A     LONG\nwide  -\nb     c',
  );
});
