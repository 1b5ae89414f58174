// What every action gets: clients and the place it works in. An action is small, idempotent, and safe to repeat after a crash at any line.
import type { QueueKind, TargetReference } from '../../api/kinds/common.ts';
import type { KubeClient } from '../../common/kube/types.ts';
import type { BrokerAdmin } from '../brokers/broker.ts';
import type { Problem } from '../decide/observed.ts';
import type { WebhookRegistration } from '../webhook-entries/registration.ts';
import type { Announce } from './announce.ts';

export type ActContext = {
  client: KubeClient;
  /** The operator's own namespace: claims live here. */
  operatorNamespace: string;
  clusterUid: string;
  brokers: Record<QueueKind, BrokerAdmin>;
  webhook: WebhookRegistration;
  announce: Announce;
  /** Where a ledger entry that cannot be made is noted until it is made or retired, by entry name. */
  failures: Map<string, Problem>;
  now: () => number;
};

export type Place = { namespace: string; target: TargetReference };
