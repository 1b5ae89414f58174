import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadCommand } from '../../../cluster/stage/images.ts';

test('kind and minikube have a command that brings an image to their nodes, others have not', () => {
  assert.deepEqual(loadCommand('kind-dev', '/i.tar'), ['kind', 'load', 'image-archive', '/i.tar', '--name', 'dev']);
  assert.deepEqual(loadCommand('minikube', '/i.tar'), ['minikube', 'image', 'load', '/i.tar']);
  assert.equal(loadCommand('production', '/i.tar'), undefined);
});
