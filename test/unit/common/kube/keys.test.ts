import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { objectKey, parseKey } from '../../../../common/kube/keys.ts';

describe('keys', () => {
  it('go both ways, with and without a namespace', () => {
    for (const object of [{ namespace: 'shop', name: 'a' }, { name: 'a' }]) {
      assert.deepEqual(parseKey(objectKey(object)), object);
    }
    assert.equal(objectKey({ namespace: 'shop', name: 'a' }), 'shop/a');
  });
});
