// What the API server's refusals mean, as SplitterErrors whose sentences name verb, resource and namespace and say what to do.
import { z } from 'zod';
import { type ErrorCode, SplitterError } from '../errors.ts';
import type { Resource } from './types.ts';

/** One request as people talk about it. */
export type Call = { verb: string; resource: Resource; name?: string; namespace?: string; subresource?: string };

/** Kubernetes' `Status` object, as far as we read it. */
const statusBody = z.object({
  message: z.string().optional(),
  reason: z.string().optional(),
  code: z.number().optional(),
  details: z
    .object({
      causes: z
        .array(
          z.object({ field: z.string().optional(), reason: z.string().optional(), message: z.string().optional() }),
        )
        .optional(),
    })
    .optional(),
});
type StatusBody = z.infer<typeof statusBody>;

/** For example `patch deployments.apps/scale "orders-worker" in namespace shop`. */
export function describeCall(call: Call): string {
  const name = call.name === undefined ? '' : ` "${call.name}"`;
  const place = call.namespace === undefined ? '' : ` in namespace ${call.namespace}`;
  return `${call.verb} ${resourceName(call)}${name}${place}`;
}

export function resourceName({ resource, subresource }: Pick<Call, 'resource' | 'subresource'>): string {
  const group = resource.group === '' ? '' : `.${resource.group}`;
  return `${resource.plural}${group}${subresource === undefined ? '' : `/${subresource}`}`;
}

/** A refusal by status; `body` is what the server sent, a Status object or any text. */
export function responseError(call: Call, status: number, body: unknown, retryAfterMs?: number): SplitterError {
  const parsed = statusBody.safeParse(body);
  const answer: StatusBody = parsed.success ? parsed.data : {};
  const said =
    answer.message ?? (typeof body === 'string' && body.trim() !== '' ? body.trim().slice(0, 500) : `status ${status}`);
  const causes = answer.details?.causes ?? [];
  const { code, retryable, advice } = verdict(
    call,
    status,
    answer,
    causes.some((cause) => cause.field === 'metadata.uid'),
  );
  return new SplitterError(code, `Cannot ${describeCall(call)}: ${sentence(said)} ${advice}`.trimEnd(), {
    retryable,
    details: {
      status,
      ...(answer.reason !== undefined && { reason: answer.reason }),
      ...(causes.length > 0 && { causes }),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    },
  });
}

type Verdict = { code: ErrorCode; retryable: boolean; advice: string };

function verdict(call: Call, status: number, answer: StatusBody, uidDiffers: boolean): Verdict {
  const resource = resourceName(call);
  if (status === 409 || status === 410) {
    return { code: 'Conflict', retryable: true, advice: 'Read it again and decide anew.' };
  }
  // A patch that carries the uid of a predecessor is refused as invalid; to the caller it is a conflict like any other.
  if (status === 422 && uidDiffers) {
    return { code: 'Conflict', retryable: true, advice: 'An object of that name was created anew: read it again.' };
  }
  if (status === 403) {
    const advice = `If a permission is missing, allow ${call.verb} on ${resource}${
      call.namespace === undefined ? '' : ` in namespace ${call.namespace}`
    } for this account (docs/reference/rbac.md).`;
    return { code: 'PermissionDenied', retryable: false, advice };
  }
  if (status === 429 || status >= 500) {
    return {
      code: 'ApiUnreachable',
      retryable: true,
      advice: 'It is tried again; if this goes on, look at the API server.',
    };
  }
  const advice =
    status === 401
      ? 'The API server does not accept these credentials: log in again, or restart the pod.'
      : status === 404 && answer.reason !== 'NotFound'
        ? `The cluster does not know ${resource}: install its CRDs (chart value crds.install).`
        : '';
  return { code: 'ApiRejected', retryable: false, advice };
}

/** No answer at all: refused, reset, timed out, cut in the middle. */
export function transportError(call: Call, server: string, cause: unknown): SplitterError {
  const why = cause instanceof Error ? cause.message || cause.name : String(cause);
  return new SplitterError(
    'ApiUnreachable',
    `Cannot ${describeCall(call)}: ${sentence(why)} Check that this process can reach the API server at ${server}.`,
    { cause, retryable: true },
  );
}

/** True for an object that does not exist, not for a resource that the cluster does not know. */
export function isNotFound(error: unknown): boolean {
  return error instanceof SplitterError && error.details['status'] === 404 && error.details['reason'] === 'NotFound';
}

/** For what may be gone already: then there is nothing to write to. */
export async function ignoreMissing(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** True when somebody else was faster: the object has changed, or has gone, since it was read. Nobody's fault; it is read and decided again. */
export function isLostRace(error: unknown): boolean {
  return error instanceof SplitterError && (error.code === 'Conflict' || isNotFound(error));
}

/** True when a resource version is too old to go on from. */
export function isExpired(error: unknown): boolean {
  return error instanceof SplitterError && error.details['status'] === 410;
}

/** True when an object of that name is there already. */
export function isAlreadyExists(error: unknown): boolean {
  return error instanceof SplitterError && error.details['reason'] === 'AlreadyExists';
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
