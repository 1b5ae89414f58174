// Entry point of the controller: settings, clients, health, leader election. What the leader does is in controller.ts.
import { randomBytes } from 'node:crypto';
import type { QueueKind } from '../api/kinds/common.ts';
import { systemClock } from '../common/clock.ts';
import { SplitterError } from '../common/errors.ts';
import { createKubeClient } from '../common/kube/client.ts';
import { inClusterConnection } from '../common/kube/connection.ts';
import { EventRecorder } from '../common/kube/events.ts';
import { objectKey } from '../common/kube/keys.ts';
import { LeaderElector } from '../common/kube/leader-election.ts';
import { NAMESPACES } from '../common/kube/resources.ts';
import type { KubeClient } from '../common/kube/types.ts';
import { createLogger, type Log } from '../common/log.ts';
import { startProcessMetrics } from '../common/metrics/registry.ts';
import { startProcessServer } from '../common/process/http.ts';
import { runMain } from '../common/process/main.ts';
import { ensureCertificateAuthority } from '../common/tls/authority.ts';
import type { ActContext } from './act/context.ts';
import { Failures } from './act/failures.ts';
import type { BrokerAdmin } from './brokers/broker.ts';
import { createBrokers } from './brokers/brokers.ts';
import { createProjector, NO_PROJECTOR } from './compat/projector.ts';
import { type ControllerConfig, controllerConfig } from './config.ts';
import { runController } from './controller.ts';
import { Garbage } from './garbage/sweep.ts';
import { createNames } from './names.ts';
import { Heartbeats } from './observe/heartbeats.ts';
import { createResolver } from './observe/resolve.ts';
import { Steady } from './observe/steady.ts';
import { createProve } from './webhook-entries/prove.ts';
import { createRegistration } from './webhook-entries/registration.ts';

const log = createLogger('controller', process.env);
await runMain(log, main);

async function main(signal: AbortSignal): Promise<void> {
  const config = controllerConfig(process.env);
  startProcessMetrics('controller', config.version);
  const client = createKubeClient(await inClusterConnection(process.env), {
    userAgent: `queue-splitter-controller/${config.version}`,
    fieldManager: 'queue-splitter-controller',
  });
  const server = await startProcessServer({ port: config.metricsPort, checks: {} });
  try {
    const elector = new LeaderElector({
      client,
      namespace: config.namespace,
      name: 'queue-splitter-controller',
      identity: `${config.podName}-${randomBytes(4).toString('hex')}`,
      onStartedLeading: (leading) =>
        lead(client, config, { signal: leading, isLeading: () => elector.isLeading() }, log),
      log,
    });
    await elector.run(signal);
  } finally {
    await server.close();
    await client.close();
  }
}

type Term = { signal: AbortSignal; isLeading: () => boolean };

/** Everything in memory is made anew for each term: what another leader did in between must not be remembered wrongly. */
async function lead(client: KubeClient, config: ControllerConfig, term: Term, log: Log): Promise<void> {
  const clusterUid = await readClusterUid(client);
  await ensureCertificateAuthority(client, config.namespace, systemClock);
  const brokers = createBrokers(client, config.namespace, config, log);
  const act = { ...createActContext(client, config, clusterUid, brokers.admins, log), isLeading: term.isLeading };
  try {
    await runController(
      {
        act,
        observer: {
          heartbeats: new Heartbeats(systemClock.monotonic),
          steady: new Steady(systemClock.monotonic),
          resolve: createResolver({
            client,
            brokers: brokers.admins,
            kinds: config.kinds,
            defaultTtlSeconds: { SQS: 0, Kafka: Math.ceil(config.kafkaIdleTtlMs / 1000) },
          }),
          emptyConfirmationMs: { SQS: config.sqsEmptyConfirmationMs, Kafka: 0 },
        },
        settings: {
          restoreConfirmationMs: config.restoreConfirmationMs,
          drainTimeoutSeconds: {
            SQS: inSeconds(config.sqsLingerTimeoutMs),
            Kafka: inSeconds(config.kafkaDrainTimeoutMs),
          },
          onKafkaDrainTimeout: config.onKafkaDrainTimeout,
          // Handed over to nobody, the rest would be forgotten.
          cleanupDeadlineSeconds: config.garbageGraceMs === undefined ? undefined : inSeconds(config.cleanupDeadlineMs),
        },
        garbage:
          config.garbageGraceMs === undefined
            ? undefined
            : new Garbage({
                act,
                brokers: brokers.garbage,
                graceMs: config.garbageGraceMs,
                failStaticMs: config.failStaticMs,
                clock: systemClock,
                log,
              }),
        names: createNames(config.topicFormat),
        projector: config.kinds.has('SQS') ? createProjector(client, systemClock, log) : NO_PROJECTOR,
        clock: systemClock,
        log,
      },
      term.signal,
    );
  } finally {
    await brokers.close();
  }
}

function inSeconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}

function createActContext(
  client: KubeClient,
  config: ControllerConfig,
  clusterUid: string,
  brokers: Record<QueueKind, BrokerAdmin>,
  log: Log,
): Omit<ActContext, 'isLeading'> {
  const service = { name: config.webhookService, namespace: config.namespace, port: 443 };
  const events = new EventRecorder({ client, component: 'queue-splitter-controller', instance: config.podName, log });
  return {
    client,
    operatorNamespace: config.namespace,
    clusterUid,
    brokers,
    webhook: createRegistration({
      client,
      clusterUid,
      service,
      caBundle: async () => (await ensureCertificateAuthority(client, config.namespace, systemClock)).bundle,
      prove: createProve(client, service),
    }),
    announce: (subject, type, reason, message) => {
      log[type === 'Warning' ? 'warn' : 'info'](
        { about: `${subject.kind} ${objectKey(subject.metadata)}`, reason },
        message,
      );
      void events.record(subject, type, reason, message);
    },
    failures: new Failures(systemClock.monotonic, log),
    now: systemClock.now,
  };
}

/** kube-system's uid stands for the cluster: a split that was copied from another one is told apart by it. */
async function readClusterUid(client: KubeClient): Promise<string> {
  const namespace = await client.get(NAMESPACES, { name: 'kube-system' });
  const uid = namespace?.metadata.uid;
  if (uid === undefined)
    throw new SplitterError(
      'ApiRejected',
      'There is no namespace kube-system, whose uid stands for the cluster. Create it; without it no split can be told from a copy.',
    );
  return uid;
}
