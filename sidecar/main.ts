// Entry point of the forwarder: settings, clients, caches, health. What it does with splits is in forwarder.ts.
import { FORWARDER_LABEL } from '../api/constants.ts';
import type { WorkloadSplit } from '../api/kinds/workload-split.ts';
import { systemClock, untilAborted } from '../common/clock.ts';
import { createPropertiesResolver } from '../common/kafka/client-configs.ts';
import { createKubeClient } from '../common/kube/client.ts';
import { inClusterConnection } from '../common/kube/connection.ts';
import type { Lease } from '../common/kube/lease.ts';
import { Reflector } from '../common/kube/reflector.ts';
import { LEASES, WORKLOAD_SPLITS } from '../common/kube/resources.ts';
import type { KubeClient } from '../common/kube/types.ts';
import { createLogger } from '../common/log.ts';
import { startProcessMetrics } from '../common/metrics/registry.ts';
import { startProcessServer } from '../common/process/http.ts';
import { runMain } from '../common/process/main.ts';
import { createSqsClients, type SqsClients } from '../common/sqs/client.ts';
import { type ForwarderConfig, forwarderConfig } from './config.ts';
import { Forwarder } from './forwarder.ts';
import { createKafkaPipeline } from './kafka/pipeline.ts';
import { Replicas } from './replicas.ts';
import type { PipelineFactories } from './split-runner.ts';
import { createSqsPipeline } from './sqs/pipeline.ts';

/** A renewal that takes longer than its interval is of no use; the next one may be quicker. */
const RENEWAL_TIMEOUT_MS = 4_000;

const log = createLogger('forwarder', process.env);
await runMain(log, main);

async function main(signal: AbortSignal): Promise<void> {
  const config = forwarderConfig(process.env);
  startProcessMetrics('forwarder', config.version);
  const connection = await inClusterConnection(process.env);
  const userAgent = `queue-splitter-forwarder/${config.version}`;
  const client = createKubeClient(connection, { userAgent });
  const renewing = createKubeClient(connection, { userAgent, requestTimeoutMs: RENEWAL_TIMEOUT_MS });
  const sqs = createSqsClients();
  const splits = new Reflector<WorkloadSplit>({ client, resource: WORKLOAD_SPLITS, log });
  const leases = new Reflector<Lease>({
    client,
    resource: LEASES,
    namespace: config.namespace,
    labelSelector: FORWARDER_LABEL,
    log,
  });
  const common = { me: config.podName, clock: systemClock, random: Math.random, log };
  const replicas = new Replicas({
    ...common,
    client: renewing,
    leases,
    namespace: config.namespace,
    podUid: config.podUid,
    failStaticMs: config.failStaticMs,
  });
  const forwarder = new Forwarder({ ...common, client, splits, replicas, factories: factories(config, client, sqs) });
  const http = await startProcessServer({
    port: config.metricsPort,
    checks: { splits: () => (splits.synced ? undefined : 'the WorkloadSplits have not been listed yet') },
  });

  // Renewed until everything in flight is finished.
  const done = new AbortController();
  const renewal = replicas.run(done.signal);
  splits.start();
  leases.start();
  try {
    await splits.waitForSync(signal);
    forwarder.start();
    await untilAborted(signal);
  } finally {
    await forwarder.stop();
    done.abort();
    await renewal;
    await replicas.resign();
    await Promise.all([splits.stop(), leases.stop(), http.close()]);
    sqs.close();
    await Promise.all([client.close(), renewing.close()]);
  }
}

/** One way for each kind of queue; a new kind of broker is added here and in its own folder. */
function factories(config: ForwarderConfig, client: KubeClient, clients: SqsClients): PipelineFactories {
  const common = { clock: systemClock, random: Math.random };
  const { sessionDrainTimeoutMs } = config;
  const resolveProperties = createPropertiesResolver(client, config.namespace, log);
  return {
    SQS: (queue, options) => createSqsPipeline(queue, options, { ...common, clients, settings: config.sqs }),
    Kafka: (queue, options) =>
      createKafkaPipeline(queue, options, { ...common, resolveProperties, settings: { sessionDrainTimeoutMs } }),
  };
}
