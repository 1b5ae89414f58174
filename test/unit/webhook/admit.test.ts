import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { WorkloadSplit } from '../../../api/kinds/workload-split.ts';
import { SplitterError } from '../../../common/errors.ts';
import type { KubeClient } from '../../../common/kube/types.ts';
import { createAdmit } from '../../../webhook/admit.ts';
import { createLookup, knowledge } from '../../../webhook/lookup.ts';
import { parseReview } from '../../../webhook/review.ts';
import { silentLog } from '../common/silent-log.ts';
import { makePod, makeReview, makeSplit, variable } from './fixtures.ts';

const REFERENCE = { namespace: 'shop', name: 'deployment-worker', uid: 'split-uid', environmentRevision: 3 };

describe('admit', () => {
  let cached: WorkloadSplit | undefined;
  let live: WorkloadSplit | undefined | SplitterError;
  let reads: number;
  const cache = { get: () => cached };
  const client: Pick<KubeClient, 'get'> = {
    async get<T>() {
      reads += 1;
      if (live instanceof SplitterError) throw live;
      return live as T | undefined;
    },
  };

  beforeEach(() => {
    [cached, live, reads] = [undefined, undefined, 0];
  });

  async function admit(pod: unknown = makePod(), request: Record<string, unknown> = {}) {
    const log = silentLog();
    const response = await createAdmit(createLookup(cache, client), log)(
      REFERENCE,
      parseReview(makeReview(pod, request)),
    );
    const facts = log.entries[0]?.facts as { result: string; reason: string };
    return { response, log: log.entries[0], verdict: `${facts.result} ${facts.reason}` };
  }

  it('patches from the cache without asking the API server', async () => {
    cached = makeSplit();
    const { response, verdict } = await admit();
    assert.equal(verdict, 'patched patched');
    assert.ok(response.allowed && response.patch?.length === 2);
    assert.equal(reads, 0);
  });

  it('says in one line which pod, as far as it has a name, and what became of it', async () => {
    cached = makeSplit();
    const generated = { ...makePod(), metadata: { ...makePod().metadata, generateName: 'worker-7f9c-' } };
    assert.equal((await admit(generated)).log?.message, 'pod worker-7f9c-… is patched');
    assert.equal((await admit(makePod(), { name: 'worker-0' })).log?.message, 'pod worker-0 is patched');
  });

  it('asks the API server when the cache is behind the entry that called', async () => {
    live = makeSplit({ environment: [variable('app', 'QUEUE', 'new')] });
    for (const known of [undefined, makeSplit({ environmentRevision: 2 })]) {
      cached = known;
      const { response } = await admit();
      assert.ok(response.allowed);
      assert.match(JSON.stringify(response.patch), /"new"/);
    }
    assert.equal(reads, 2);
  });

  it('asks it, too, when the cache has the split of that name before, which may have come further', async () => {
    const incarnation = { clusterUid: 'cluster', selfUid: 'predecessor' };
    live = makeSplit();
    for (const phase of ['Splitting', 'Cleaning'] as const) {
      cached = makeSplit({ incarnation, phase, environmentRevision: 12, token: 'before' }, 'predecessor');
      const { response, verdict } = await admit();
      assert.equal(verdict, 'patched patched');
      assert.ok(response.allowed);
      assert.match(JSON.stringify(response.patch), /"4f9c2a"/);
    }
    assert.equal(reads, 2);
  });

  it('obeys the split that there is when the entry is that of one before', async () => {
    const incarnation = { clusterUid: 'cluster', selfUid: 'successor' };
    cached = makeSplit();
    live = makeSplit({ incarnation, environmentRevision: 1, token: 'after' }, 'successor');
    const reference = { ...REFERENCE, uid: 'split-uid-of-before' };
    const review = parseReview(makeReview(makePod()));
    const response = await createAdmit(createLookup(cache, client), silentLog())(reference, review);
    assert.match(JSON.stringify(response), /"after"/);
  });

  it('admits unpatched where there is nothing to inject', async () => {
    assert.deepEqual((await admit()).verdict, 'skipped split_not_found');
    cached = makeSplit({ phase: 'Restoring' });
    assert.deepEqual((await admit()).verdict, 'skipped phase');
    cached = makeSplit();
    assert.deepEqual((await admit(makePod(), { operation: 'UPDATE' })).verdict, 'skipped not_a_new_pod');
    assert.deepEqual((await admit(makePod(), { namespace: 'other' })).verdict, 'skipped other_namespace');
  });

  it('takes a copied or unfinished split for inert', async () => {
    live = makeSplit({}, 'uid-of-a-copy');
    assert.equal((await admit()).verdict, 'skipped split_inert');
    const { incarnation: _, ...unfinished } = makeSplit().spec;
    cached = { ...makeSplit(), spec: unfinished };
    const { response, verdict } = await admit();
    assert.deepEqual([response, verdict], [{ allowed: true }, 'skipped split_inert']);
  });

  it('refuses with a sentence rather than let an unpatched pod in', async () => {
    live = new SplitterError('ApiUnreachable', 'Cannot get it.', { retryable: true });
    const { response, verdict, log } = await admit();
    assert.equal(verdict, 'denied ApiUnreachable');
    assert.ok(!response.allowed);
    assert.match(response.message, /^queue-splitter: Cannot get it\. The pod is not admitted unpatched/);
    assert.equal(log?.level, 'error');
    assert.equal((await admit({ spec: {} })).verdict, 'denied ApiRejected');
    cached = makeSplit({ environment: [{ container: 'app' }] as never });
    assert.equal((await admit()).verdict, 'denied Internal');
  });

  it('has nothing to do when it is called again for the same pod', async () => {
    cached = makeSplit();
    const pod = makePod([{ name: 'QUEUE', value: cached.spec.environment[0]?.value ?? '' }]);
    pod.metadata.labels = { 'operator.metalbear.co/patched': '4f9c2a' };
    assert.deepEqual((await admit(pod)).response, { allowed: true });
    assert.equal((await admit(pod)).verdict, 'unchanged already_patched');
  });

  it('logs no value of the pod', async () => {
    cached = makeSplit();
    const { log } = await admit(makePod([{ name: 'PASSWORD', value: 'hunter2' }]));
    assert.doesNotMatch(JSON.stringify(log), /hunter2/);
  });

  it('claims to know only what is in the cache', () => {
    live = makeSplit();
    assert.deepEqual(knowledge(cache, REFERENCE), { ready: false });
    const facts = { phase: 'Patching', revision: 9, environmentRevision: 3 };
    cached = makeSplit();
    assert.deepEqual(knowledge(cache, REFERENCE), { ready: true, ...facts });
    assert.equal(knowledge(cache, { ...REFERENCE, environmentRevision: 4 }).ready, false);
    assert.equal(knowledge(cache, { ...REFERENCE, uid: 'successor' }).ready, false);
    cached = makeSplit({}, 'uid-of-a-copy');
    assert.equal(knowledge(cache, { ...REFERENCE, uid: 'uid-of-a-copy' }).ready, false);
  });
});
