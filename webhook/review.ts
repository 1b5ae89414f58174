// AdmissionReview (admission.k8s.io/v1) as it comes and goes, and the path it comes to. Decides nothing.
import { z } from 'zod';
import { SplitterError } from '../common/errors.ts';
import type { PatchOperation, Pod } from './mutate.ts';

const envVariable = z.looseObject({ name: z.string(), value: z.string().optional() });
const container = z.looseObject({ name: z.string(), env: z.array(envVariable).nullish() });

/** Only what we look at is checked; everything else passes through as it is. */
const pod = z.looseObject({
  metadata: z.looseObject({ labels: z.record(z.string(), z.string()).nullish() }),
  spec: z.looseObject({
    containers: z.array(container),
    initContainers: z.array(container).nullish(),
  }),
});

const metadataOf = z.looseObject({ metadata: z.looseObject({ generateName: z.string().optional() }) });

const admissionReview = z.object({
  apiVersion: z.string(),
  kind: z.literal('AdmissionReview'),
  request: z.looseObject({
    uid: z.string().min(1),
    operation: z.string(),
    /** Empty for pods with generateName. */
    name: z.string().optional(),
    namespace: z.string().optional(),
    resource: z.object({ group: z.string(), version: z.string(), resource: z.string() }),
    subResource: z.string().optional(),
    object: z.unknown(),
  }),
});
export type AdmissionReview = z.infer<typeof admissionReview>;

export type AdmissionResponse = { allowed: true; patch?: PatchOperation[] } | { allowed: false; message: string };

/** @throws SplitterError `ApiRejected` when it is something else; there is no uid to answer to then. */
export function parseReview(body: unknown): AdmissionReview {
  const result = admissionReview.safeParse(body);
  if (result.success) return result.data;
  throw new SplitterError(
    'ApiRejected',
    `Not an AdmissionReview of admission.k8s.io/v1: ${z.prettifyError(result.error)}`,
  );
}

/** The new pod, or undefined when the request is about something else (updates, subresources, the controller's probe). */
export function podToCreate({ request }: AdmissionReview): Pod | undefined {
  const { group, resource } = request.resource;
  if (request.operation !== 'CREATE' || group !== '' || resource !== 'pods' || request.subResource) return undefined;
  const result = pod.safeParse(request.object);
  if (result.success) return result.data;
  throw new SplitterError('ApiRejected', `Not a pod: ${z.prettifyError(result.error)}`);
}

/** For logs: most pods get their name after the admission, and have only its beginning now. */
export function podName({ request }: AdmissionReview): string {
  if (request.name) return request.name;
  const { generateName } = metadataOf.safeParse(request.object).data?.metadata ?? {};
  return generateName === undefined ? 'without a name' : `${generateName}…`;
}

/** The answer in the version that was asked, with the uid that was asked. */
export function answer(review: AdmissionReview, response: AdmissionResponse) {
  const { uid } = review.request;
  return {
    apiVersion: review.apiVersion,
    kind: 'AdmissionReview' as const,
    response: response.allowed
      ? {
          uid,
          allowed: true,
          ...(response.patch?.length && { patchType: 'JSONPatch', patch: encodePatch(response.patch) }),
        }
      : { uid, allowed: false, status: { code: 503, reason: 'ServiceUnavailable', message: response.message } },
  };
}

function encodePatch(operations: PatchOperation[]): string {
  return Buffer.from(JSON.stringify(operations)).toString('base64');
}
