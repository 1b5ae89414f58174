// The webhook's certificate authority, kept in one Secret of the operator's namespace. The controller makes and renews it and publishes the
// bundle in the webhook configuration; webhook replicas only read it and sign certificates of their own.
// When it is renewed the old one stays in the bundle, so that certificates signed by it go on being trusted.
import type { ObjectMeta } from '../../api/kinds/common.ts';
import type { Clock } from '../clock.ts';
import { SplitterError } from '../errors.ts';
import { isAlreadyExists } from '../kube/api-error.ts';
import { SECRETS } from '../kube/resources.ts';
import type { KubeClient } from '../kube/types.ts';
import {
  createAuthority,
  isPair,
  isRenewalDue,
  joinPems,
  type KeyPair,
  splitPems,
  validityOf,
} from './certificates.ts';

export const AUTHORITY_SECRET = 'queue-splitter-webhook-ca';

/** `bundle` is what a client must trust: the authority's certificate first, then earlier ones that are still valid. */
export type Authority = KeyPair & { bundle: string };

type Secret = {
  apiVersion: 'v1';
  kind: 'Secret';
  metadata: ObjectMeta;
  type: string;
  /** Base64. */
  data?: Record<string, string>;
};

const LIFETIME_MS = 365 * 24 * 3600 * 1000;
const COMMON_NAME = 'queue-splitter webhook authority';
/** Races with another controller are won or lost at once; more tries than this mean that something else is wrong. */
const TRIES = 5;

/** The authority, or undefined while the Secret is not there or holds something else. Errors of the API reach the caller. */
export async function readAuthority(
  client: Pick<KubeClient, 'get'>,
  namespace: string,
): Promise<Authority | undefined> {
  const secret = await client.get<Secret>(SECRETS, { namespace, name: AUTHORITY_SECRET });
  return secret && decode(secret);
}

/**
 * Makes the authority where there is none and renews it after two thirds of its life. Whoever comes first wins; all get the same.
 * For the controller, at its start.
 */
export async function ensureCertificateAuthority(
  client: Pick<KubeClient, 'get' | 'create' | 'replace'>,
  namespace: string,
  clock: Clock,
): Promise<Authority> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const secret = await client.get<Secret>(SECRETS, { namespace, name: AUTHORITY_SECRET });
    const current = secret && decode(secret);
    const now = clock.now();
    if (current && !isRenewalDue(current.certificate, now)) return current;
    const authority = await renewed(current, now);
    const metadata = secret?.metadata ?? { name: AUTHORITY_SECRET, namespace };
    try {
      if (secret) await client.replace(SECRETS, encode(metadata, authority, secret.type));
      else await client.create(SECRETS, encode(metadata, authority, 'Opaque'));
      return authority;
    } catch (error) {
      if (!isAlreadyExists(error) && !(error instanceof SplitterError && error.code === 'Conflict')) throw error;
    }
  }
  throw new SplitterError(
    'Conflict',
    `The Secret ${AUTHORITY_SECRET} in namespace ${namespace} changes all the time; find out what else writes it.`,
    { retryable: true },
  );
}

async function renewed(current: Authority | undefined, now: number): Promise<Authority> {
  const pair = await createAuthority(COMMON_NAME, now, LIFETIME_MS);
  const earlier = splitPems(current?.bundle ?? '').filter((pem) => validityOf(pem).notAfter > now);
  return { ...pair, bundle: joinPems([pair.certificate, ...earlier]) };
}

function decode(secret: Secret): Authority | undefined {
  const read = (key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');
  const authority = { bundle: read('ca.crt'), certificate: read('tls.crt'), key: read('tls.key') };
  return splitPems(authority.bundle).length > 0 && isPair(authority) ? authority : undefined;
}

/** A Secret's type cannot be changed, so that of an existing one is kept. */
function encode(metadata: ObjectMeta, authority: Authority, type: string): Secret {
  const data = { 'ca.crt': authority.bundle, 'tls.crt': authority.certificate, 'tls.key': authority.key };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata,
    type,
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
  };
}
