import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { port, readConfig } from '../../../common/config.ts';

const schema = z.object({ PORT: port.default(8080), NAME: z.string(), URL: z.url().optional() });

describe('readConfig', () => {
  it('reads and converts, and takes empty for absent', () => {
    assert.deepEqual(readConfig(schema, { PORT: '9000', NAME: 'a', OTHER: 'x' }), { PORT: 9000, NAME: 'a' });
    assert.deepEqual(readConfig(schema, { PORT: '', NAME: 'a', URL: '' }), { PORT: 8080, NAME: 'a' });
  });

  it('names every wrong variable and shows no value', () => {
    assert.throws(
      () => readConfig(schema, { PORT: '99999', URL: 'secret' }),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'InvalidConfig');
        assert.match(error.message, /PORT: .*65535.*NAME is not set.*URL: /);
        assert.doesNotMatch(error.message, /99999|secret/);
        return true;
      },
    );
  });
});
