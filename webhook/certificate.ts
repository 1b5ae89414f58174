// This replica's own serving certificate: signed in memory by the authority in the Secret, renewed at two thirds of its life or when
// the authority is not in the bundle any more. Looks once a minute by the wall clock: timers stand still while a machine is suspended.
import { type Clock, pause } from '../common/clock.ts';
import { createBackoff } from '../common/kube/backoff.ts';
import type { KubeClient } from '../common/kube/types.ts';
import type { Log } from '../common/log.ts';
import { webhookMetrics } from '../common/metrics/webhook.ts';
import { AUTHORITY_SECRET, type Authority, readAuthority } from '../common/tls/authority.ts';
import {
  createServerCertificate,
  isRenewalDue,
  isSignedByOneOf,
  joinPems,
  type KeyPair,
  validityOf,
} from '../common/tls/certificates.ts';

export type CertificateOptions = {
  client: Pick<KubeClient, 'get'>;
  /** The operator's namespace: of the Secret and of the Service. */
  namespace: string;
  /** Name of the Service that API servers call. */
  service: string;
  clock: Clock;
  random: () => number;
  log: Log;
};

export type ServingCertificate = { key: string; cert: string };

const LIFETIME_MS = 7 * 24 * 3600 * 1000;
const CHECK_EVERY_MS = 60_000;

export class CertificateKeeper {
  readonly #options: CertificateOptions;
  #current: KeyPair | undefined;
  #authority: Authority | undefined;
  #isWaiting = false;

  constructor(options: CertificateOptions) {
    this.#options = options;
  }

  /** Readiness: what is missing. */
  problem(): string | undefined {
    if (!this.#current)
      return `no certificate yet: waiting for the Secret ${AUTHORITY_SECRET}, which the controller makes`;
    return validityOf(this.#current.certificate).notAfter <= this.#options.clock.now()
      ? 'the certificate has expired'
      : undefined;
  }

  /** Resolves with the first certificate, however long the Secret takes to appear; undefined when the signal aborts first. */
  async first(signal: AbortSignal): Promise<ServingCertificate | undefined> {
    const { clock, random } = this.#options;
    const backoff = createBackoff({ baseMs: 250, maxMs: 5_000, random });
    for (;;) {
      const certificate = await this.#check();
      if (certificate) return certificate;
      await pause(clock, backoff.next(), signal);
      if (signal.aborted) return undefined;
    }
  }

  /** Calls back with every later certificate until the signal aborts. */
  async keep(signal: AbortSignal, onRenewed: (certificate: ServingCertificate) => void): Promise<void> {
    for (;;) {
      await pause(this.#options.clock, CHECK_EVERY_MS, signal);
      if (signal.aborted) return;
      const certificate = await this.#check();
      if (certificate) onRenewed(certificate);
    }
  }

  /** A new certificate when one is needed and can be had. Never rejects: the current one goes on being served. */
  async #check(): Promise<ServingCertificate | undefined> {
    const { client, namespace, clock, log } = this.#options;
    try {
      this.#authority = (await readAuthority(client, namespace)) ?? this.#authority;
      const authority = this.#authority;
      if (!authority) {
        if (!this.#isWaiting)
          log.info(`waiting for the certificate authority ${AUTHORITY_SECRET}, which the controller makes`);
        this.#isWaiting = true;
        return undefined;
      }
      if (!this.#isDue(authority)) return undefined;
      this.#current = await createServerCertificate(authority, this.#dnsNames(), clock.now(), LIFETIME_MS);
      log.info(
        { until: new Date(validityOf(this.#current.certificate).notAfter).toISOString() },
        'new serving certificate',
      );
      return { key: this.#current.key, cert: joinPems([this.#current.certificate, authority.certificate]) };
    } catch (error) {
      log.warn({ err: error }, `cannot read the certificate authority ${AUTHORITY_SECRET}; trying again`);
      return undefined;
    } finally {
      this.#measure();
    }
  }

  #isDue(authority: Authority): boolean {
    if (!this.#current) return true;
    const { certificate } = this.#current;
    return isRenewalDue(certificate, this.#options.clock.now()) || !isSignedByOneOf(certificate, authority.bundle);
  }

  #dnsNames(): [string, string, string] {
    const { service, namespace } = this.#options;
    return [`${service}.${namespace}.svc`, `${service}.${namespace}`, service];
  }

  #measure(): void {
    if (!this.#current) return;
    const leftMs = validityOf(this.#current.certificate).notAfter - this.#options.clock.now();
    webhookMetrics.certificateSecondsLeft.set(leftMs / 1000);
  }
}
