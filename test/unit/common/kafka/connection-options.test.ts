import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SplitterError } from '../../../../common/errors.ts';
import { kafkaClientOptions } from '../../../../common/kafka/connection-options.ts';

const options = (properties: Record<string, string>, readText?: (path: string) => string) =>
  kafkaClientOptions(new Map(Object.entries({ 'bootstrap.servers': 'a:1', ...properties })), readText);

const refuses = (properties: Record<string, string>, name: RegExp) =>
  assert.throws(
    () => options(properties),
    (error: unknown) => error instanceof SplitterError && error.code === 'InvalidConfig' && name.test(error.message),
  );

describe('kafkaClientOptions', () => {
  it('reads addresses with and without port, scheme and brackets', () => {
    assert.deepEqual(options({ 'bootstrap.servers': 'a:1, b ,SSL://c:3,[::1]:4' }).bootstrap, [
      { host: 'a', port: 1 },
      { host: 'b', port: 9092 },
      { host: 'c', port: 3 },
      { host: '::1', port: 4 },
    ]);
  });

  it('needs an address', () => {
    refuses({ 'bootstrap.servers': '' }, /bootstrap\.servers/);
    refuses({ 'bootstrap.servers': 'a:99999' }, /a:99999/);
  });

  it('has the defaults of Kafka', () => {
    const found = options({});
    assert.equal(found.offsetReset, 'latest');
    assert.equal(found.connection.tls, undefined);
    assert.equal(found.connection.sasl, undefined);
  });

  it('maps TLS from texts and files', () => {
    const { connection } = options(
      {
        'security.protocol': 'SSL',
        'ssl.ca.location': '/ca',
        'ssl.certificate.pem': 'cert',
        'ssl.key.pem': 'key',
        'ssl.key.password': 'secret',
        'ssl.endpoint.identification.algorithm': 'none',
      },
      (path) => `text of ${path}`,
    );
    const { ca, cert, key, passphrase, checkServerIdentity } = connection.tls ?? {};
    assert.deepEqual(
      { ca, cert, key, passphrase },
      { ca: 'text of /ca', cert: 'cert', key: 'key', passphrase: 'secret' },
    );
    assert.equal(typeof checkServerIdentity, 'function');
  });

  it('gives up on a broker that hangs before a transaction of 15 s runs out', () => {
    const { requestTimeout } = options({ 'bootstrap.servers': 'a:1' }).connection;
    assert.ok(requestTimeout !== undefined && requestTimeout < 15_000);
  });

  it('names the property of a file that cannot be read', () => {
    refuses({ 'security.protocol': 'ssl', 'ssl.ca.location': '/does/not/exist' }, /ssl\.ca\.location/);
  });

  it('maps SCRAM over TLS', () => {
    const { connection } = options({
      'security.protocol': 'sasl_ssl',
      'sasl.mechanisms': 'scram-sha-512',
      'sasl.username': 'u',
      'sasl.password': 'p',
    });
    assert.deepEqual(connection.sasl, { mechanism: 'SCRAM-SHA-512', username: 'u', password: 'p' });
    assert.notEqual(connection.tls, undefined);
  });

  it('refuses by name what decides about security and is not supported', () => {
    refuses({ 'security.protocol': 'sasl_plaintext', 'sasl.mechanism': 'GSSAPI' }, /GSSAPI/);
    refuses({ 'security.protocol': 'sasl_plaintext' }, /sasl\.username/);
    refuses({ 'security.protocol': 'ssl', 'ssl.keystore.location': '/k' }, /ssl\.keystore\.location/);
    refuses({ 'security.protocol': 'tls' }, /security\.protocol/);
  });

  it('never shows a value that may be a secret', () => {
    refuses(
      {
        'security.protocol': 'sasl_plaintext',
        'sasl.username': 'u',
        'sasl.password': 'geheim',
        'sasl.oauthbearer.config': 'x',
      },
      /^(?!.*geheim)/,
    );
  });

  it('reads the reset policy in all its spellings', () => {
    assert.equal(options({ 'auto.offset.reset': 'smallest' }).offsetReset, 'earliest');
    assert.equal(options({ 'auto.offset.reset': 'error' }).offsetReset, 'none');
    refuses({ 'auto.offset.reset': 'sometimes' }, /auto\.offset\.reset/);
  });
});
