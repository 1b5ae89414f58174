import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { clock, columns, createTeller } from '../../../demo/telling.ts';

function tellerTo(isTTY: boolean, environment: NodeJS.ProcessEnv = {}) {
  const written: string[] = [];
  const teller = createTeller({ isTTY, write: (text) => written.push(text) }, environment);
  return { teller, text: () => written.join('') };
}

describe('how the demo speaks', () => {
  test('plain lines where there is no terminal', () => {
    const { teller, text } = tellerTo(false);
    teller.chapter('1. The shop');
    teller.say('It is open.');
    teller.hear('alice', 'Ready');
    teller.show('NAME\nshop\n', 'kubectl get pods');
    assert.equal(
      text(),
      [
        '\n1. The shop',
        '  0:00   It is open.',
        '         alice │ Ready',
        '         $ kubectl get pods',
        '         NAME',
        '         shop\n',
      ].join('\n'),
    );
  });

  test('colours on a terminal, and not when they are not wanted', () => {
    const coloured = tellerTo(true);
    coloured.teller.hear('alice', 'Ready');
    assert.match(coloured.text(), /malice │/, 'a colour ends with m');
    assert.match(stripVTControlCharacters(coloured.text()), / {9}alice │ Ready\n$/);
    const plain = tellerTo(true, { NO_COLOR: '1' });
    plain.teller.hear('alice', 'Ready');
    assert.match(plain.text(), / {9}alice │ Ready\n$/);
  });

  test('the time in minutes and seconds', () => {
    assert.deepEqual([0, 59_999, 60_000, 605_000].map(clock), ['0:00', '0:59', '1:00', '10:05']);
  });

  test('columns: the first to the left, numbers to the right', () => {
    assert.equal(
      columns([
        ['waiting', 'bob'],
        ['a', 7],
        ['a longer one', 1234],
      ]),
      ['waiting        bob', 'a                7', 'a longer one  1234'].join('\n'),
    );
  });
});
