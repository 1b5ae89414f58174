/** A broker that wants TLS and a password: every mechanism that we know carries a whole split, and a wrong secret or authority is said in a sentence. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { kafkaClientOptions } from '../../common/kafka/connection-options.ts';
import { Cluster } from '../../common/kafka/wire/cluster.ts';
import { freePort } from '../testbed/brokers/place.ts';
import { makeServingCertificate } from '../testbed/certificates.ts';
import { sendNumbered, waitForRecords } from './kafka-records.ts';
import {
  ALICE,
  createOriginal,
  createSplit,
  type KafkaWorld,
  opened,
  openKafkaWorld,
  openPipeline,
  routeOf,
  skip,
  withProperties,
} from './kafka-support.ts';

const HOST = '127.0.0.1';
const LISTENER = 'SECURE';
const MODULES = 'org.apache.kafka.common.security';
const PASSWORD = 'wörd with "quotes", = and ,';
const certificate = await makeServingCertificate(['localhost'], [HOST]);
const stranger = await makeServingCertificate(['localhost'], [HOST]);

function brokerProperties(): Record<string, string> {
  const ours = `listener.name.${LISTENER.toLowerCase()}`;
  const line = (pem: string) => pem.replaceAll('\n', '\\n');
  return {
    [`${ours}.ssl.keystore.type`]: 'PEM',
    [`${ours}.ssl.keystore.certificate.chain`]: line(certificate.certificatePem),
    [`${ours}.ssl.keystore.key`]: line(certificate.keyPem),
    [`${ours}.sasl.enabled.mechanisms`]: 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    [`${ours}.plain.sasl.jaas.config`]: `${MODULES}.plain.PlainLoginModule required user_app="secret";`,
    [`${ours}.scram-sha-256.sasl.jaas.config`]: `${MODULES}.scram.ScramLoginModule required;`,
    [`${ours}.scram-sha-512.sasl.jaas.config`]: `${MODULES}.scram.ScramLoginModule required;`,
  };
}

describe('a broker with TLS and SASL', { skip }, () => {
  let world: KafkaWorld | undefined;
  let server = '';
  before(async () => {
    const port = await freePort(HOST);
    server = `${HOST}:${port}`;
    const scram = (mechanism: string) => ['--add-scram', `${mechanism}=[name=app,password=secret]`];
    world = await openKafkaWorld(brokerProperties(), {
      listener: { name: LISTENER, protocol: 'SASL_SSL', port },
      formatting: [...scram('SCRAM-SHA-256'), ...scram('SCRAM-SHA-512')],
    });
  });
  after(() => world?.close());

  const properties = (mechanism: string, more: Record<string, string> = {}) =>
    new Map(
      Object.entries({
        'bootstrap.servers': server,
        'security.protocol': 'SASL_SSL',
        'sasl.mechanism': mechanism,
        'sasl.username': 'app',
        'sasl.password': 'secret',
        'ssl.ca.pem': certificate.authorityPem,
        ...more,
      }),
    );

  /** The same broker, as the product reaches it with these properties. */
  function throughSecurity(kafka: KafkaWorld, secured: Map<string, string>): KafkaWorld {
    const cluster = new Cluster(kafkaClientOptions(secured));
    kafka.closeLater(() => cluster.close());
    return { ...withProperties(kafka, secured), cluster };
  }

  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']) {
    it(`carries a split with ${mechanism}`, async () => {
      const kafka = throughSecurity(opened(world), properties(mechanism));
      const topic = await createOriginal(kafka);
      const { queue } = await createSplit(kafka, topic, { alice: ALICE });
      const pipeline = openPipeline(kafka, queue);
      await pipeline.apply(queue);
      await sendNumbered(kafka, topic, 0, 200);
      await waitForRecords(kafka, routeOf(queue).destination.name, 100);
      await waitForRecords(kafka, queue.fallback.name, 100);
      await pipeline.apply({ ...queue, forwarding: 'Stop' });
      await kafka.admin.fence(queue);
      await pipeline.close();
    });
  }

  const WRONG: Readonly<Record<string, { more: Record<string, string>; code: string; says: RegExp }>> = {
    'a wrong password': {
      more: { 'sasl.password': PASSWORD },
      code: 'PermissionDenied',
      says: /check user name and password/,
    },
    'an authority that did not sign': {
      more: { 'ssl.ca.pem': stranger.authorityPem },
      code: 'BrokerUnreachable',
      says: /certificate/,
    },
  };
  for (const [what, { more, code, says }] of Object.entries(WRONG)) {
    it(`refuses ${what} in a sentence that does not tell the secret`, async () => {
      opened(world);
      const secured = properties('SCRAM-SHA-512', more);
      const cluster = new Cluster(kafkaClientOptions(secured));
      await assert.rejects(cluster.describeTopics([]), (error: Error) => {
        assert.equal(Reflect.get(error, 'code'), code, error.message);
        assert.match(error.message, says);
        assert.ok(!error.message.includes(PASSWORD));
        return true;
      });
      await cluster.close();
    });
  }
});
