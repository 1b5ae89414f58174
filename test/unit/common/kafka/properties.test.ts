import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { kafkaClientOptions } from '../../../../common/kafka/connection-options.ts';
import {
  describeUnknownProperties,
  referencedSecrets,
  resolveKafkaProperties,
  type Secrets,
} from '../../../../common/kafka/properties.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const configs = (specs: Record<string, object>) => new Map(Object.entries(specs));
const resolve = (name: string, specs: Record<string, object>, secrets: Secrets = new Map()) =>
  resolveKafkaProperties(name, configs(specs), secrets);

describe('resolveKafkaProperties', () => {
  it("resolves the guide's example to the guide's result", async () => {
    const text = await readFile(
      new URL('../../../fixtures/guide/client-config-inheritance.yaml', import.meta.url),
      'utf8',
    );
    const specs = parseAllDocuments(text).map((document) => document.toJS());
    const all = configs(Object.fromEntries(specs.map(({ metadata, spec }) => [metadata.name, spec])));
    assert.deepEqual(Object.fromEntries(resolveKafkaProperties('with-client-id', all, new Map()).properties), {
      'bootstrap.servers': 'kafka.default.svc.cluster.local:9092',
      'client.id': 'mirrord-operator',
    });
    assert.equal(resolveKafkaProperties('base-config', all, new Map()).properties.get('message.send.max.retries'), '4');
  });

  it('puts child properties before child Secret before parent properties before parent Secret', () => {
    const names = ['a', 'b', 'c', 'd'];
    const secret = (from: number, value: string) =>
      Object.fromEntries(names.slice(from).map((name) => [name, base64(value)]));
    const list = (from: number, value: string) => names.slice(from).map((name) => ({ name, value }));
    const { properties } = resolve(
      'child',
      {
        child: { parent: 'parent', loadFromSecret: 'ns/child', properties: [{ name: 'a', value: 'child' }] },
        parent: { loadFromSecret: 'ns/parent', properties: list(2, 'parent').slice(0, 1) },
      },
      new Map([
        ['ns/child', { b: base64('child secret'), a: base64('child secret') }],
        ['ns/parent', secret(0, 'parent secret')],
      ]),
    );
    assert.deepEqual(Object.fromEntries(properties), {
      a: 'child',
      b: 'child secret',
      c: 'parent',
      d: 'parent secret',
    });
  });

  it('removes with null and with a missing value', () => {
    const inherited = [
      { name: 'a', value: '1' },
      { name: 'b', value: '2' },
    ];
    const { properties } = resolve('child', {
      child: { parent: 'parent', properties: [{ name: 'a', value: null }, { name: 'b' }] },
      parent: { properties: inherited },
    });
    assert.deepEqual([...properties], []);
  });

  it('inherits MSK_IAM and sets what it needs', () => {
    const authenticationExtra = { kind: 'MSK_IAM', awsRegion: 'eu-south-1' };
    const resolved = resolve('child', {
      child: { parent: 'parent', properties: [{ name: 'security.protocol', value: 'PLAINTEXT' }] },
      parent: { authenticationExtra, properties: [] },
    });
    assert.deepEqual(resolved.authenticationExtra, authenticationExtra);
    assert.deepEqual(Object.fromEntries(resolved.properties), {
      'security.protocol': 'SASL_SSL',
      'sasl.mechanism': 'OAUTHBEARER',
    });
  });

  it('refuses circles, gaps and broken configs by name, and never shows a value', () => {
    const circle = { a: { parent: 'b', properties: [] }, b: { parent: 'a', properties: [] } };
    assert.throws(() => resolve('a', circle), { code: 'InvalidConfig', message: /a → b → a/ });
    assert.throws(() => resolve('a', { a: { parent: 'gone', properties: [] } }), {
      code: 'InvalidConfig',
      message: /no MirrordKafkaClientConfig gone \(the parent of a\)/,
    });
    assert.throws(() => resolve('a', { a: { loadFromSecret: 'ns/gone', properties: [] } }), {
      code: 'CredentialsMissing',
      message: /Secret ns\/gone/,
    });
    for (const value of [1.5, false]) {
      assert.throws(() => resolve('a', { a: { properties: [{ name: 'sasl.password', value }] } }), {
        code: 'InvalidConfig',
        message:
          /^MirrordKafkaClientConfig a: spec\.properties\[0\]\.value: must be text or a whole number; put quotes/,
      });
    }
  });

  it('names the Secrets of the whole chain', () => {
    const specs = {
      child: { parent: 'parent', loadFromSecret: 'ns/one', properties: [] },
      parent: { loadFromSecret: 'ns/two', properties: [] },
    };
    assert.deepEqual(referencedSecrets('child', configs(specs)), ['ns/one', 'ns/two']);
  });
});

describe('describeUnknownProperties', () => {
  it('says for each property without effect why, and shows no value', () => {
    const sentences = describeUnknownProperties(
      new Map([
        ['bootstrap.servers', 'secret'],
        ['group.id', 'secret'],
        ['ssl.keystore.location', 'secret'],
        ['linger.mz', 'secret'],
      ]),
    );
    assert.equal(sentences.length, 3);
    assert.match(sentences[0] ?? '', /^group\.id has no effect: queue-splitter decides/);
    assert.match(sentences[1] ?? '', /^ssl\.keystore\.location .*PEM/);
    assert.match(sentences[2] ?? '', /^linger\.mz is not known/);
    assert.ok(!sentences.join().includes('secret'));
  });

  it('knows everything that the connection takes', () => {
    const asked = new Set<string>();
    const properties = new Map([
      ['bootstrap.servers', 'a:9092'],
      ['security.protocol', 'sasl_ssl'],
      ['sasl.username', 'u'],
      ['sasl.password', 'p'],
    ]);
    const recording = Object.assign(new Map(properties), {
      get: (name: string) => {
        asked.add(name);
        return properties.get(name);
      },
    });
    kafkaClientOptions(recording);
    assert.ok(asked.size > 10);
    assert.deepEqual(describeUnknownProperties(new Map([...asked].map((name) => [name, '']))), []);
  });
});
