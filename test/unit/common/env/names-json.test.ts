import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseNamesJson, renderNamesJson } from '../../../../common/env/names-json.ts';
import { fc } from '../../../random.ts';

describe('names in a JSON object', () => {
  it('are replaced, and nothing else is touched', () => {
    const text = '{ "b" : "queue-b",\n  "1":"https://sqs/1/a", "a":"queue-\\u0061" }';
    const names = parseNamesJson(text, 'QUEUES');
    assert.deepEqual(
      names.map(({ key, value }) => [key, value]),
      [
        ['b', 'queue-b'],
        ['1', 'https://sqs/1/a'],
        ['a', 'queue-a'],
      ],
    );
    assert.equal(renderNamesJson(text, names, ['x', 'y"', 'z']), '{ "b" : "x",\n  "1":"y\\"", "a":"z" }');
    assert.throws(() => renderNamesJson(text, names, ['x']), { code: 'Internal' });
  });

  it('replaced by themselves give the same object', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), fc.constantFrom(undefined, 1, '\t'), (object, space) => {
        const text = JSON.stringify(object, undefined, space);
        const names = parseNamesJson(text, 'QUEUES');
        const rendered = renderNamesJson(
          text,
          names,
          names.map(({ value }) => value),
        );
        assert.equal(rendered, text);
      }),
    );
  });

  it('are refused in any other shape, saying what was found', () => {
    const cases: [string, RegExp][] = [
      ['', /^QUEUES must be a JSON object .*, but it is/],
      ['{"a":"b",}', /not valid JSON/],
      ['// a\n{}', /not valid JSON/],
      ['"a"', /it is a string/],
      ['{"a":null}', /the value of "a" is null/],
    ];
    for (const [text, message] of cases) {
      assert.throws(() => parseNamesJson(text, 'QUEUES'), { code: 'VariableUnreadable', message }, text);
    }
  });
});
