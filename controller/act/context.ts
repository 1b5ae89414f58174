// What every action gets: clients and the place it works in. An action is small, idempotent, and safe to repeat after a crash at any line.
import type { QueueKind, TargetReference } from '../../api/kinds/common.ts';
import type { KubeClient } from '../../common/kube/types.ts';
import type { BrokerAdmin } from '../brokers/broker.ts';
import type { WebhookRegistration } from '../webhook-entries/registration.ts';
import type { Announce } from './announce.ts';
import type { Failures } from './failures.ts';

export type ActContext = {
  client: KubeClient;
  /** The operator's own namespace: claims live here. */
  operatorNamespace: string;
  clusterUid: string;
  brokers: Record<QueueKind, BrokerAdmin>;
  webhook: WebhookRegistration;
  announce: Announce;
  failures: Failures;
  /** False when this process was asleep or cut off for so long that another one may lead now. Asked right before each action. */
  isLeading: () => boolean;
  now: () => number;
};

export type Place = { namespace: string; target: TargetReference };
