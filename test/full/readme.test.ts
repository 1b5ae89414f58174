// The README's second door, typed as it stands there: helm, kubectl and qsplit on a cluster that knows nothing of us, and at the end the
// guide's way out. Changed is only what the reader changes, too: where the image and the queues are.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CreateQueueCommand, ListQueuesCommand } from '@aws-sdk/client-sqs';
import { buildQsplit } from '../../tools/build-qsplit.ts';
import { readReceived } from '../checker/history.ts';
import { buildImages } from '../cluster/stage/images.ts';
import { WORKER } from '../cluster/stage/laptop.ts';
import { SHOP_WORKER } from '../shop/image.ts';
import { ORDERS_QUEUE, ORDERS_WORKER, SHOP_NAMESPACE, shopObjects } from '../shop/manifests.ts';
import { type Collector, startCollector, startProducer } from '../shop/programs.ts';
import { clusterPlace, type Place } from '../testbed/brokers/place.ts';
import { type SqsEmulator, startFauxqs } from '../testbed/brokers/sqs.ts';
import { type Cluster, startCluster } from '../testbed/cluster.ts';
import { CommandError } from '../testbed/commands.ts';
import { productImageName } from '../testbed/product-image.ts';
import { silentProgress } from '../testbed/progress.ts';
import { ensureHelm } from '../testbed/toolchain/helm.ts';
import { HopelessError, waitFor, withDeadline } from '../testbed/wait.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const UNINSTALL = readFileSync(join(ROOT, 'docs/guide/uninstall.md'), 'utf8');
const NAMESPACE = 'queue-splitter';

let cluster: Cluster;
let place: Place;
let sqs: SqsEmulator;
let collector: Collector;
let folder: string;
let variables: Record<string, string>;

before(async () => {
  cluster = await startCluster();
  place = clusterPlace(cluster);
  [sqs, collector] = await Promise.all([startFauxqs(place), startCollector(place)]);
  const client = sqs.client();
  await client.send(new CreateQueueCommand({ QueueName: ORDERS_QUEUE, Attributes: { VisibilityTimeout: '10' } }));
  client.destroy();
  const { shop, product } = await buildImages();
  for (const { tarPath } of [shop, product]) await cluster.loadImage(tarPath);
  await deployShop(shop.name);
  await startProducer(place, { ...sqs.environment, SQS_QUEUES: ORDERS_QUEUE, RATE: '20', SEED: '1' });
  folder = join(cluster.dir, 'developer');
  await furnish();
});
after(() => cluster?.close());

/** The README's orders-worker has a container named app. */
async function deployShop(image: string): Promise<void> {
  const settings = { image, program: SHOP_WORKER, sqs: sqs.environment, historyUrl: collector.url, replicas: 2 };
  const objects = JSON.parse(JSON.stringify(shopObjects(settings)).replaceAll('"name":"worker"', '"name":"app"')) as {
    metadata: { name: string };
  }[];
  await cluster.apply(objects.slice(0, 1));
  await cluster.apply(objects.filter(({ metadata }) => !metadata.name.startsWith('invoices')));
  await cluster.kubectl(['rollout', 'status', `deployment/${ORDERS_WORKER}`, '-n', SHOP_NAMESPACE, '--timeout=120s']);
}

/** A laptop with kubectl, helm, the qsplit that the README says how to build, and a project with `npm run worker`. */
async function furnish(): Promise<void> {
  const { helm4, kubectl } = await ensureHelm(silentProgress);
  const programs = join(folder, 'bin');
  mkdirSync(programs, { recursive: true });
  const { executable } = await buildQsplit({ folder: join(folder, 'dist') });
  for (const [name, path] of Object.entries({ helm: helm4, kubectl, qsplit: executable ?? '' })) {
    symlinkSync(path, join(programs, name));
  }
  const scripts = { worker: `node ${WORKER}` };
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', scripts }));
  symlinkSync(join(ROOT, 'charts'), join(folder, 'charts'));
  variables = {
    PATH: [programs, dirname(process.execPath), process.env['PATH']].join(':'),
    HOME: folder,
    KUBECONFIG: cluster.innerKubeconfigPath,
    ...sqs.environment,
    HISTORY_URL: collector.url,
    WORKER_NAME: 'alice',
    SQS_WAIT_SECONDS: '1',
    NODE_NO_WARNINGS: '1',
  };
}

/** The block of shell commands of a page that holds `words`. */
function blockOf(page: string, words: string): string {
  const blocks = [...page.matchAll(/^( *)```sh\n([\s\S]*?)^ *```/gm)].map(([, indent = '', block = '']) =>
    block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
  const found = blocks.find((block) => block.includes(words));
  assert.ok(found, `there is a block with ${words}`);
  return found;
}

async function type(block: string): Promise<string> {
  const options = { cwd: folder, env: variables, deadlineMs: 300_000 };
  try {
    return (await cluster.runInside('bash', ['-ec', block], options)).stdout;
  } catch (error) {
    throw error instanceof CommandError ? new Error(`${block}\n${error.message}`) : error;
  }
}

const receivedBy = (reader: string) => readReceived(collector.file).filter((line) => line.reader === reader);

describe('"I have a cluster"', () => {
  test('helm installs the chart', async () => {
    const [repository = '', tag = ''] = productImageName.split(/:(?=[^:]*$)/);
    const { AWS_ENDPOINT_URL_SQS: endpoint = '', AWS_REGION: region = '', ...credentials } = sqs.environment;
    const settings = ['controller', 'forwarder'].flatMap((process) =>
      Object.entries(credentials).flatMap(([name, value], index) => [
        `${process}.extraEnv[${index}].name=${name}`,
        `${process}.extraEnv[${index}].value=${value}`,
      ]),
    );
    const here = [`image.tag=${tag}`, `aws.endpoint=${endpoint}`, ...settings].map((value) => `--set ${value}`);
    const install = blockOf(README, 'helm install')
      .replace('registry.example.com/queue-splitter', repository)
      .replace('eu-north-1', region)
      .replace('helm install', `helm install --wait ${here.join(' ')}`);
    await type(
      `${install}\nkubectl -n ${NAMESPACE} rollout status deployment -l app.kubernetes.io/name=queue-splitter`,
    );
  });

  test('one resource declares the queue, and qsplit runs `npm run worker` on the messages of alice until Ctrl-C', async () => {
    await type(blockOf(README, 'kind: MirrordWorkloadQueueRegistry'));
    const split = blockOf(README, 'qsplit exec');
    // Nobody can be asked here.
    const started = await cluster.spawnInside('bash', ['-ec', split.replace('qsplit exec', 'exec qsplit exec --yes')], {
      name: 'readme',
      cwd: folder,
      env: variables,
    });
    const hasOrders = () => {
      if (!started.isRunning()) throw new HopelessError(`qsplit ended: ${started.tail(60)}`);
      return receivedBy('alice').length >= 5;
    };
    await waitFor('alice to receive orders', hasOrders, { deadlineMs: 180_000 });
    assert.match(await type('qsplit status -n shop'), /deployment\/orders-worker +Ready/);
    started.signal('SIGINT');
    const { code } = await withDeadline(started.ended, `the end of qsplit: ${started.tail(60)}`, 60_000);
    // npm makes the interrupt its own end, whatever the worker's was.
    assert.ok(code === 130 || code === 0, `${code}: ${started.tail(60)}`);
    assert.match(started.tail(60), /alice got SIGINT and finishes its work[\s\S]*gets no messages any more/);
    assert.deepEqual([...new Set(receivedBy('alice').map(({ tenant }) => tenant))], ['alice']);
  });

  test('after that the deployed workload reads its own queue again, and the guide takes everything away', async () => {
    await waitFor('the split to be gone', async () => (await type('kubectl get workloadsplits -A -o name')) === '', {
      deadlineMs: 180_000,
      intervalMs: 500,
    });
    const since = Date.now();
    await waitFor(
      'the shop to handle orders of alice from its own queue',
      () =>
        receivedBy(ORDERS_WORKER).some(
          ({ tenant, readFrom, sentAt }) => tenant === 'alice' && readFrom === ORDERS_QUEUE && sentAt >= since,
        ),
      { deadlineMs: 60_000 },
    );
    await type(blockOf(UNINSTALL, 'helm uninstall queue-splitter'));
    await type(blockOf(UNINSTALL, 'kubectl get crd'));
    const client = sqs.client();
    const { QueueUrls = [] } = await client.send(new ListQueuesCommand({}));
    client.destroy();
    assert.deepEqual(
      QueueUrls.map((url) => url.split('/').at(-1)),
      [ORDERS_QUEUE],
    );
    const left = await type(
      'kubectl get ns,crd,clusterroles,mutatingwebhookconfigurations,validatingadmissionpolicies -o name',
    );
    assert.deepEqual(
      left.split('\n').filter((name) => /mirrord|queue-?splitter/.test(name)),
      [],
    );
  });
});
