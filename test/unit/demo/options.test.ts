import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseCommand } from '../../../demo/options.ts';

describe('the command line of the demo', () => {
  test('plays both kinds on a cluster of its own, unless told', () => {
    assert.deepEqual(parseCommand([]), {
      type: 'play',
      options: { kubeconfig: undefined, imagesAreThere: false, kafka: true, keep: false, json: false },
    });
  });

  test('takes options together', () => {
    const args = ['--no-kafka', '--keep', '--json', '--kubeconfig', '/tmp/kind', '--images-are-there'];
    assert.deepEqual(parseCommand(args), {
      type: 'play',
      options: { kubeconfig: '/tmp/kind', imagesAreThere: true, kafka: false, keep: true, json: true },
    });
  });

  test('helps and cleans', () => {
    assert.deepEqual(parseCommand(['--clean']), { type: 'clean' });
    assert.deepEqual(parseCommand(['--clean', '--help']), { type: 'help' });
  });

  test('refuses what it does not know, and images for nobody', () => {
    assert.throws(() => parseCommand(['--kubeconfg', 'x']), /--kubeconfg/);
    assert.throws(() => parseCommand(['--images-are-there']), /goes with --kubeconfig/);
  });
});
