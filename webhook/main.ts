// The webhook process: wires cache, certificate and server together, and takes them down in the right order. Must not import client-node.
import { z } from 'zod';
import type { WorkloadSplit } from '../api/kinds/workload-split.ts';
import { systemClock } from '../common/clock.ts';
import { port, readConfig } from '../common/config.ts';
import { createKubeClient } from '../common/kube/client.ts';
import { inClusterConnection } from '../common/kube/connection.ts';
import { Reflector } from '../common/kube/reflector.ts';
import { WORKLOAD_SPLITS } from '../common/kube/resources.ts';
import { createLogger } from '../common/log.ts';
import { startProcessMetrics } from '../common/metrics/registry.ts';
import { startProcessServer } from '../common/process/http.ts';
import { runMain } from '../common/process/main.ts';
import { createAdmit } from './admit.ts';
import { CertificateKeeper } from './certificate.ts';
import { createLookup } from './lookup.ts';
import { startWebhookServer, type WebhookServer } from './server.ts';

const settings = z.object({
  POD_NAME: z.string(),
  /** The operator's namespace. */
  QUEUE_SPLITTER_NAMESPACE: z.string(),
  /** The Service that API servers call. */
  QUEUE_SPLITTER_WEBHOOK_SERVICE: z.string(),
  /** 10250 is open from the control plane to nodes in private clusters. */
  QUEUE_SPLITTER_WEBHOOK_PORT: port.default(10250),
  QUEUE_SPLITTER_METRICS_PORT: port.default(9090),
  /** How long a pod that is told to stop goes on serving: until every API server knows. Below terminationGracePeriodSeconds. */
  QUEUE_SPLITTER_WEBHOOK_DRAIN_SECONDS: z.coerce.number().min(0).default(12),
  QUEUE_SPLITTER_VERSION: z.string().default('development'),
});

/** The API server waits three seconds for us; its own answer to us must fit in there. */
const LIVE_READ_TIMEOUT_MS = 2_000;

const log = createLogger('webhook', process.env);

await runMain(log, async (signal) => {
  const config = readConfig(settings, process.env);
  startProcessMetrics('webhook', config.QUEUE_SPLITTER_VERSION);
  const clock = systemClock;
  const userAgent = `queue-splitter-webhook/${config.QUEUE_SPLITTER_VERSION}`;
  const connection = await inClusterConnection(process.env);
  const client = createKubeClient(connection, { userAgent });
  const quickClient = createKubeClient(connection, { userAgent, requestTimeoutMs: LIVE_READ_TIMEOUT_MS });

  const splits = new Reflector<WorkloadSplit>({ client, resource: WORKLOAD_SPLITS, log });
  const certificates = new CertificateKeeper({
    client,
    namespace: config.QUEUE_SPLITTER_NAMESPACE,
    service: config.QUEUE_SPLITTER_WEBHOOK_SERVICE,
    clock,
    random: Math.random,
    log,
  });
  let server: WebhookServer | undefined;
  const http = await startProcessServer({
    port: config.QUEUE_SPLITTER_METRICS_PORT,
    checks: {
      running: () => (signal.aborted ? 'this pod is going away' : undefined),
      splits: () => (splits.synced ? undefined : 'the WorkloadSplits have not been listed yet'),
      certificate: () => certificates.problem(),
      server: () => (server ? undefined : 'the port for admissions is not open yet'),
    },
  });

  log.info({ port: http.port }, 'serving health and metrics');
  splits.start();
  const certificate = await certificates.first(signal);
  if (certificate) {
    server = await startWebhookServer({
      port: config.QUEUE_SPLITTER_WEBHOOK_PORT,
      certificate,
      admit: createAdmit(createLookup(splits, quickClient), log),
      cache: splits,
      podName: config.POD_NAME,
      clock,
      log,
    });
    log.info({ port: server.port }, 'serving admissions');
    await certificates.keep(signal, server.setCertificate);
    await server.close(config.QUEUE_SPLITTER_WEBHOOK_DRAIN_SECONDS * 1000);
  }
  await splits.stop();
  await http.close();
  await Promise.all([client.close(), quickClient.close()]);
});
