/**
 * A broker with an authorizer: what the page of permissions asks for is enough for a whole life of a split, the collection of a lost one and
 * a rewind included, and so is what it asks for the application. A right that is missing is said with its topic or group.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import kafkajs, {
  type AclOperationTypes,
  type AclResourceTypes,
  Kafka,
  logLevel,
  type ResourcePatternTypes,
} from 'kafkajs';
import type { LedgerEntry, SplitQueue } from '../../api/kinds/workload-split.ts';
import { freePort } from '../testbed/brokers/place.ts';
import { waitFor } from '../testbed/wait.ts';
import { groupOffsets, sendNumbered, untilGone, waitForRecords } from './kafka-records.ts';
import {
  ALICE,
  createOriginal,
  createSplit,
  ending,
  growTopic,
  type KafkaWorld,
  OWNER,
  opened,
  openKafkaWorld,
  openPipeline,
  openProducer,
  routeOf,
  type Split,
  skip,
  withProperties,
} from './kafka-support.ts';

const HOST = '127.0.0.1';
const LISTENER = 'GUARDED';
const LOGIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required';
const OPERATOR = 'splitter';
const APPLICATION = 'shop';

/** Whoever comes without a name, as tests and the broker itself do, may do everything. */
const BROKER = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS',
  'listener.name.guarded.sasl.enabled.mechanisms': 'PLAIN',
  'listener.name.guarded.plain.sasl.jaas.config': `${LOGIN} user_${OPERATOR}="secret" user_${APPLICATION}="secret";`,
};

/** kafkajs exports these in a way that Node does not see by name. */
const {
  AclOperationTypes: operations,
  AclPermissionTypes: permissions,
  AclResourceTypes: kinds,
  ResourcePatternTypes: patterns,
} = kafkajs;

type Right = { resourceType: AclResourceTypes; resourceName: string; pattern: ResourcePatternTypes; operation: string };

const { TOPIC, GROUP, TRANSACTIONAL_ID, CLUSTER } = kinds;
const RESOURCES: Readonly<Record<string, Omit<Right, 'operation'>>> = {
  'original topic': { resourceType: TOPIC, resourceName: 'orders-', pattern: patterns.PREFIXED },
  'topics `mirrord-tmp-*`': {
    resourceType: TOPIC,
    resourceName: 'mirrord-tmp-',
    pattern: patterns.PREFIXED,
  },
  "the application's group": { resourceType: GROUP, resourceName: 'app-', pattern: patterns.PREFIXED },
  'groups `mirrord-tmp-*`': {
    resourceType: GROUP,
    resourceName: 'mirrord-tmp-',
    pattern: patterns.PREFIXED,
  },
  'transactional ids `mirrord-tmp-*`': {
    resourceType: TRANSACTIONAL_ID,
    resourceName: 'mirrord-tmp-',
    pattern: patterns.PREFIXED,
  },
  cluster: { resourceType: CLUSTER, resourceName: 'kafka-cluster', pattern: patterns.LITERAL },
};

const OPERATIONS: Readonly<Record<string, AclOperationTypes>> = {
  Create: operations.CREATE,
  Read: operations.READ,
  Write: operations.WRITE,
  Alter: operations.ALTER,
  Describe: operations.DESCRIBE,
  DescribeConfigs: operations.DESCRIBE_CONFIGS,
  AlterConfigs: operations.ALTER_CONFIGS,
  Delete: operations.DELETE,
};

/** The table of the page. */
function documentedRights(): Right[] {
  const page = readFileSync(new URL('../../docs/reference/permissions.md', import.meta.url), 'utf8');
  const [, kafka = ''] = page.split('## Kafka');
  return [...kafka.matchAll(/^\| ([^|]+) \| ([^|]+) \|$/gm)]
    .filter(([, name = '']) => name !== 'resource' && !name.startsWith('---'))
    .flatMap(([, name = '', cell = '']) => {
      const resource = RESOURCES[name] ?? assert.fail(`the page names ${name}`);
      const named = cell.split(/\W+/).filter((word) => word in OPERATIONS);
      return named.map((operation) => ({ ...resource, operation }));
    });
}

/** What the sentence behind the table asks for, beside the group that the application has anyway. */
const APPLICATION_RIGHTS: readonly Right[] = [
  { ...(RESOURCES['topics `mirrord-tmp-*`'] as Right), operation: 'Read' },
  { ...(RESOURCES['groups `mirrord-tmp-*`'] as Right), operation: 'Read' },
  { ...(RESOURCES["the application's group"] as Right), operation: 'Read' },
];

async function grant({ topics }: KafkaWorld, user: string, rights: readonly Right[]): Promise<void> {
  await topics.createAcls({
    acl: rights.map(({ pattern, operation, ...resource }) => ({
      ...resource,
      resourcePatternType: pattern,
      principal: `User:${user}`,
      host: '*',
      operation: OPERATIONS[operation] ?? assert.fail(operation),
      permissionType: permissions.ALLOW,
    })),
  });
}

describe('a broker with an authorizer', { skip }, () => {
  let world: KafkaWorld | undefined;
  let server = '';
  before(async () => {
    const port = await freePort(HOST);
    server = `${HOST}:${port}`;
    world = await openKafkaWorld(BROKER, { listener: { name: LISTENER, protocol: 'SASL_PLAINTEXT', port } });
    if (world) await grant(world, APPLICATION, APPLICATION_RIGHTS);
  });
  after(() => world?.close());

  const login = (username: string) => ({
    brokers: [server],
    sasl: { mechanism: 'plain' as const, username, password: 'secret' },
  });

  /** What tests do goes on without a name; the product's own calls are the operator's. */
  const asOperator = (kafka: KafkaWorld): KafkaWorld =>
    withProperties(
      kafka,
      new Map([
        ['bootstrap.servers', server],
        ['security.protocol', 'SASL_PLAINTEXT'],
        ['sasl.mechanism', 'PLAIN'],
        ['sasl.username', OPERATOR],
        ['sasl.password', 'secret'],
      ]),
    );

  /** Reads as the application does; counts what it got. */
  async function startReader(kafka: KafkaWorld, topic: string, groupId: string) {
    const client = new Kafka({ ...login(APPLICATION), logLevel: logLevel.NOTHING });
    const consumer = client.consumer({ groupId, maxWaitTimeInMs: 100 });
    kafka.closeLater(() => consumer.disconnect());
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    const seen = { count: 0, stop: () => consumer.disconnect() };
    await consumer.run({ eachMessage: async () => void seen.count++ });
    return seen;
  }

  it('says which right is missing', async () => {
    const operator = asOperator(opened(world));
    const topic = await createOriginal(operator);
    await assert.rejects(operator.admin.describeOriginal(topic, {}, 'app-x'), (error: Error) => {
      assert.equal(Reflect.get(error, 'code'), 'PermissionDenied', error.message);
      assert.match(error.message, new RegExp(topic));
      return true;
    });
  });

  it('carries a whole life of a split with the rights that the page names, and no others', async () => {
    const operator = asOperator(opened(world));
    await grant(operator, OPERATOR, documentedRights());
    const topic = await createOriginal(operator);
    const split = await createSplit(operator, topic, { alice: ALICE });
    const { queue, group, entries } = split;
    const [fallback, alice] = [queue.fallback.name, routeOf(queue).destination];
    assert.equal((await operator.admin.settle(queue, new Set())).settled, true);
    const pipeline = openPipeline(operator, queue, { readerGraceMs: 200 });
    await pipeline.apply(queue);
    await sendNumbered(operator, topic, 0, 40);
    const workload = await startReader(operator, fallback, group);
    const local = await startReader(operator, alice.name, alice.group);
    await waitFor('both to read', () => workload.count === 20 && local.count === 20, { deadlineMs: 30_000 });

    await operator.topics.createPartitions({ topicPartitions: [{ topic, count: 5 }] });
    const names = [fallback, alice.name];
    await waitFor(
      'the topics to be too small',
      async () => (await operator.admin.outgrown(queue, names)).length === 2,
      { deadlineMs: 10_000, intervalMs: 50 },
    );
    for (const [session, entry] of Object.entries(entries))
      await growTopic(operator, queue, entry, session === 'fallback' ? group : alice.group);

    // The local process stays: it is evicted.
    await pipeline.apply(ending(queue));
    await waitFor('the session to end', () => pipeline.status().returned, { deadlineMs: 20_000 });
    await pipeline.apply({ ...queue, routes: [], forwarding: 'Stop' });
    await operator.admin.fence(queue);
    await pipeline.close();
    const isDrained = async () => (await operator.admin.remaining(queue)) === 0;
    await waitFor('the workload to read what is left', isDrained, { deadlineMs: 30_000, intervalMs: 100 });
    await workload.stop();
    await goBack(operator, { ...queue, routes: [] });
    await deleteAll(operator, split);
  });

  it('gives back what a lost split has left', async () => {
    const operator = asOperator(opened(world));
    const topic = await createOriginal(operator);
    const { queue, group, entries } = await createSplit(operator, topic);
    const pipeline = openPipeline(operator, queue);
    await pipeline.apply(queue);
    await sendNumbered(operator, topic, 0, 40);
    await waitForRecords(operator, queue.fallback.name, 40);
    await pipeline.close();
    const remains = { queue, entries: Object.values(entries), owner: OWNER, isSplitAgain: false };
    assert.deepEqual(await operator.admin.collect(remains, new AbortController().signal), []);
    await untilGone(operator, queue.fallback.name);
    assert.deepEqual(Object.values(await groupOffsets(operator, group, topic)), ['0', '0', '0', '0']);
  });

  /** What the workload has not read is read again, and what it sent to its own fallback lies in the original. */
  async function goBack(operator: KafkaWorld, queue: SplitQueue): Promise<void> {
    const fallback = queue.fallback.name;
    const { fallbackEnd, missing } = await operator.admin.rewind(queue);
    assert.equal(missing, 0);
    await sendNumbered({ ...operator, producer: await openProducer(operator) }, fallback, 40, 50);
    assert.equal(await operator.admin.returnOwn({ ...queue, rewound: true, fallbackEnd }), 10);
  }

  async function deleteAll(operator: KafkaWorld, { queue, entries }: Split): Promise<void> {
    const group = { ...entries['alice'], kind: 'KafkaGroup', name: routeOf(queue).destination.group } as LedgerEntry;
    for (const entry of [...Object.values(entries), group]) await operator.admin.delete(entry, {}, OWNER);
    await untilGone(operator, ...Object.values(entries).map(({ name }) => name));
    const { groups } = await operator.topics.listGroups();
    assert.ok(!groups.some(({ groupId }) => groupId === group.name));
  }
});
