// Keeps the chart's MutatingWebhookConfiguration equal to what the splits say: one writer, the whole list, one field manager (kubernetes-notes C6).
// It never creates the object, and it writes no entry before every ready webhook endpoint has proven certificate and revision (kubernetes-notes C18).
import { WEBHOOK_CONFIGURATION_NAME } from '../../api/constants.ts';
import type { ObjectMeta } from '../../api/kinds/common.ts';
import { PATCHING_PHASES, type WorkloadSplit } from '../../api/kinds/workload-split.ts';
import { SplitterError } from '../../common/errors.ts';
import { NAMESPACES, WEBHOOK_CONFIGURATIONS, WORKLOAD_SPLITS } from '../../common/kube/resources.ts';
import type { KubeClient, KubeObject } from '../../common/kube/types.ts';
import { entriesFor, entryName, entryPath, type WebhookEntry, type WebhookService } from './entry.ts';
import type { Prove } from './prove.ts';
import { fitting, MAX_ENTRIES } from './room.ts';

const FIELD_MANAGER = 'queue-splitter-controller';

type Configuration = KubeObject & { metadata: ObjectMeta; webhooks?: Pick<WebhookEntry, 'name' | 'clientConfig'>[] };

export type WebhookRegistration = {
  /**
   * Whether this split's entry is there; while pods must be patched, with its current revision and certificates, and a configuration that
   * does not exist is an error then. Consistent read.
   */
  isRegistered(split: WorkloadSplit): Promise<boolean>;
  /** Why there is no room for the entry of this split, or of one that is to come; undefined = there is. */
  noRoom(split: WorkloadSplit | undefined): Promise<string | undefined>;
  /** Why the entry may not be written now; undefined = every ready endpoint answered with this revision. */
  problem(split: WorkloadSplit): Promise<string | undefined>;
  /** Writes the whole list; calls are made one after another. */
  sync(): Promise<void>;
  /** Writes it only when somebody else changed it, or entries of splits that are over are left. Returns whether it had to. */
  repair(): Promise<boolean>;
};

export type RegistrationOptions = {
  client: KubeClient;
  clusterUid: string;
  service: WebhookService;
  /** PEM of the certificate authority that signs the webhook's certificates. */
  caBundle: () => Promise<string>;
  prove: Prove;
};

export function createRegistration({
  client,
  clusterUid,
  service,
  caBundle,
  prove,
}: RegistrationOptions): WebhookRegistration {
  let last: Promise<unknown> = Promise.resolve();

  function find(): Promise<Configuration | undefined> {
    return client.get<Configuration>(WEBHOOK_CONFIGURATIONS, { name: WEBHOOK_CONFIGURATION_NAME });
  }

  async function read(): Promise<Configuration> {
    const configuration = await find();
    if (configuration) return configuration;
    throw new SplitterError(
      'WebhookUnreachable',
      `MutatingWebhookConfiguration ${WEBHOOK_CONFIGURATION_NAME} does not exist; it belongs to the chart: run helm upgrade`,
      { retryable: true },
    );
  }

  async function wanted({ webhooks = [] }: Configuration): Promise<WebhookEntry[]> {
    const { items } = await client.list<WorkloadSplit>(WORKLOAD_SPLITS);
    const entries = entriesFor(items, clusterUid, service, encoded(await caBundle()));
    return fitting(entries, new Set(webhooks.map(({ name }) => name)));
  }

  async function write(): Promise<void> {
    const configuration = await read();
    const webhooks = await wanted(configuration);
    const { name, uid, resourceVersion } = configuration.metadata;
    const owner = await client.get(NAMESPACES, { name: service.namespace });
    await client.apply(
      WEBHOOK_CONFIGURATIONS,
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'MutatingWebhookConfiguration',
        metadata: {
          name,
          ...(uid === undefined ? {} : { uid }),
          ...(resourceVersion === undefined ? {} : { resourceVersion }),
          ownerReferences: [
            { apiVersion: 'v1', kind: 'Namespace', name: service.namespace, uid: owner?.metadata.uid ?? '' },
          ],
        },
        webhooks,
      },
      { fieldManager: FIELD_MANAGER, force: true },
    );
  }

  const registration: WebhookRegistration = {
    async isRegistered(split) {
      const isWanted = PATCHING_PHASES.has(split.spec.phase);
      const configuration = isWanted ? await read() : await find();
      const entry = configuration?.webhooks?.find((candidate) => candidate.name === entryName(split));
      if (entry === undefined || !isWanted) return entry !== undefined;
      const { service, caBundle: present } = entry.clientConfig;
      return service.path === entryPath(split) && present === encoded(await caBundle());
    },
    async noRoom(split) {
      const entries = await wanted(await read());
      const isIn = split ? entries.some(({ name }) => name === entryName(split)) : entries.length < MAX_ENTRIES;
      if (isIn) return undefined;
      return `${entries.length} targets of this cluster are split, and the webhook configuration has no room for more; wait until the sessions of another target have ended`;
    },
    async problem(split) {
      return await prove(split, await caBundle());
    },
    async repair() {
      const configuration = await read();
      const { metadata, webhooks: present = [] } = configuration;
      const expected = await wanted(configuration);
      const isOwned = metadata.ownerReferences?.some((owner) => owner.kind === 'Namespace') === true;
      const isThere = (entry: WebhookEntry): boolean => present.some((other) => isSame(entry, other));
      if (isOwned && present.length === expected.length && expected.every(isThere)) return false;
      await registration.sync();
      return true;
    },
    sync() {
      const next = last.then(write, write);
      last = next.catch(() => undefined);
      return next;
    },
  };
  return registration;
}

function encoded(pem: string): string {
  return Buffer.from(pem).toString('base64');
}

/** The API server fills in defaults, so only what decides who is called, and how, is compared. */
function isSame(one: WebhookEntry, other: Pick<WebhookEntry, 'name' | 'clientConfig'>): boolean {
  return (
    one.name === other.name &&
    one.clientConfig.caBundle === other.clientConfig.caBundle &&
    one.clientConfig.service.path === other.clientConfig.service.path
  );
}
