// One admission from the review to the answer. Total: whatever goes wrong becomes a refusal with a sentence, never an unpatched pod,
// for such a pod would take messages that are meant for sessions (the ReplicaSet tries again by itself).
import fastJsonPatch from 'fast-json-patch';
import { type Clock, systemClock } from '../common/clock.ts';
import { SplitterError, toSplitterError } from '../common/errors.ts';
import type { Log } from '../common/log.ts';
import { webhookMetrics } from '../common/metrics/webhook.ts';
import type { Lookup, SplitReference } from './lookup.ts';
import { type Injection, type Mutation, mutate, type Pod } from './mutate.ts';
import { type AdmissionResponse, type AdmissionReview, podName, podToCreate } from './review.ts';

type Verdict = { result: 'patched' | 'unchanged' | 'skipped' | 'denied'; reason: string; response: AdmissionResponse };

export type Admit = (reference: SplitReference, review: AdmissionReview) => Promise<AdmissionResponse>;

export function createAdmit(lookup: Lookup, log: Log, clock: Clock = systemClock): Admit {
  return async (reference, review) => {
    const startedAt = clock.monotonic();
    const { result, reason, response } = await decide(lookup, reference, review);
    const durationMs = clock.monotonic() - startedAt;
    webhookMetrics.requests.inc({ result, reason });
    webhookMetrics.duration.observe({ result }, durationMs / 1000);
    const { namespace, name: split, environmentRevision } = reference;
    const { uid } = review.request;
    const pod = podName(review);
    const facts = {
      uid,
      namespace,
      split,
      environmentRevision,
      pod,
      result,
      reason,
      durationMs: Math.round(durationMs),
    };
    if (response.allowed) log.info(facts, `pod ${pod} is ${result}`);
    else log.error({ ...facts, message: response.message }, 'admission refused');
    return response;
  };
}

async function decide(lookup: Lookup, reference: SplitReference, review: AdmissionReview): Promise<Verdict> {
  try {
    const pod = podToCreate(review);
    if (!pod) return skipped('not_a_new_pod');
    // The entry selects its namespace; this guards against one that does not.
    if (review.request.namespace !== reference.namespace) return skipped('other_namespace');
    const found = await lookup(reference);
    if ('skip' in found) return skipped(found.skip);
    const mutation = mutate(pod, found.injection);
    if (mutation.operations.length > 0) verify(pod, mutation, found.injection);
    return toVerdict(mutation);
  } catch (error) {
    const { code, message } = toSplitterError(error);
    const advice = 'The pod is not admitted unpatched; it is created again by itself.';
    return {
      result: 'denied',
      reason: code,
      response: { allowed: false, message: `queue-splitter: ${message} ${advice}` },
    };
  }
}

function skipped(reason: string): Verdict {
  return { result: 'skipped', reason, response: { allowed: true } };
}

function toVerdict({ operations, reason }: Mutation): Verdict {
  if (operations.length > 0) return { result: 'patched', reason, response: { allowed: true, patch: operations } };
  return { result: reason === 'already_patched' ? 'unchanged' : 'skipped', reason, response: { allowed: true } };
}

/** Applies the patch as the API server will and looks whether that leaves anything to do. */
function verify(pod: Pod, mutation: Mutation, injection: Injection): void {
  const patched = fastJsonPatch.applyPatch(pod, mutation.operations, true, false).newDocument;
  if (mutate(patched, injection).operations.length === 0) return;
  throw new SplitterError('Internal', 'The patch for this pod does not do what it should; please report the pod.');
}
