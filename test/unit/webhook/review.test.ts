import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answer, parseReview, podToCreate } from '../../../webhook/review.ts';
import { makePod, makeReview } from './fixtures.ts';

describe('review', () => {
  it('answers with the uid and the version that were asked', () => {
    const review = parseReview({ ...makeReview(makePod()), apiVersion: 'admission.k8s.io/v2' });
    const patch = [{ op: 'add' as const, path: '/é', value: 1 }];
    const { apiVersion, kind, response } = answer(review, { allowed: true, patch });
    assert.deepEqual(
      [apiVersion, kind, response.uid, response.allowed],
      ['admission.k8s.io/v2', 'AdmissionReview', 'request-uid', true],
    );
    assert.ok('patch' in response && response.patch);
    assert.deepEqual(JSON.parse(Buffer.from(response.patch, 'base64').toString()), patch);
  });

  it('sends no patch type without a patch, and a status with a refusal', () => {
    const review = parseReview(makeReview(makePod()));
    assert.deepEqual(answer(review, { allowed: true, patch: [] }).response, { uid: 'request-uid', allowed: true });
    assert.deepEqual(answer(review, { allowed: false, message: 'no' }).response, {
      uid: 'request-uid',
      allowed: false,
      status: { code: 503, reason: 'ServiceUnavailable', message: 'no' },
    });
  });

  it('gives the pod as it is, with all that we do not know', () => {
    const pod = { ...makePod([{ name: 'A', valueFrom: { fileKeyRef: { key: 'k' } } }]), future: [{ x: null }] };
    assert.deepEqual(podToCreate(parseReview(makeReview(pod))), pod);
  });

  it('leaves everything but the creation of pods alone', () => {
    const others = [
      { operation: 'UPDATE' },
      { resource: { group: 'queuesplitter.dev', version: 'v1alpha1', resource: 'splitsessions' } },
      { subResource: 'eviction' },
    ];
    for (const request of others) assert.equal(podToCreate(parseReview(makeReview({}, request))), undefined);
  });

  it('refuses what is something else', () => {
    assert.throws(() => parseReview({ kind: 'Pod' }), { code: 'ApiRejected', message: /request/ });
    assert.throws(() => podToCreate(parseReview(makeReview({ spec: {} }))), {
      code: 'ApiRejected',
      message: /containers/,
    });
  });
});
