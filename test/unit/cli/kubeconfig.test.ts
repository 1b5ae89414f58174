import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { accessOf, loadKubeConfig } from '../../../cli/kubeconfig.ts';

type Content = { current?: string; server: string; user?: Record<string, unknown>; cluster?: Record<string, unknown> };

/** One context, cluster and user of each name, as JSON, which is YAML. */
function kubeconfig(names: readonly string[], { current, server, user = {}, cluster = {} }: Content): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': current,
    clusters: names.map((name) => ({ name, cluster: { server, ...cluster } })),
    users: names.map((name) => ({ name, user })),
    contexts: names.map((name) => ({ name, context: { cluster: name, user: name, namespace: `ns-${name}` } })),
  });
}

function folder(t: TestContext, files: Record<string, string>): string {
  const path = mkdtempSync(join(tmpdir(), 'qsplit-kubeconfig-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  mkdirSync(join(path, '.kube'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text, { mode: 0o755 });
  return path;
}

test('the file is --kubeconfig, else KUBECONFIG, else ~/.kube/config', async (t) => {
  const home = folder(t, {
    '.kube/config': kubeconfig(['home'], { current: 'home', server: 'https://home' }),
    one: kubeconfig(['one'], { current: 'one', server: 'https://one' }),
    two: kubeconfig(['two'], { current: 'two', server: 'https://two' }),
  });
  const server = async (kubeconfig: string | undefined, environment: NodeJS.ProcessEnv) => {
    const config = loadKubeConfig(kubeconfig === undefined ? {} : { kubeconfig }, environment, home);
    return (await accessOf(config, {})).connection.server;
  };
  assert.equal(await server(undefined, {}), 'https://home');
  assert.equal(await server(undefined, { KUBECONFIG: join(home, 'two') }), 'https://two');
  assert.equal(await server(join(home, 'one'), { KUBECONFIG: join(home, 'two') }), 'https://one');
});

test('of several files the first that says something wins, and missing ones do not matter', async (t) => {
  const home = folder(t, {
    one: kubeconfig(['dev'], { server: 'https://first' }),
    two: kubeconfig(['dev', 'test'], { current: 'test', server: 'https://second' }),
    three: kubeconfig(['test'], { current: 'dev', server: 'https://third' }),
  });
  const KUBECONFIG = ['one', 'missing', 'two', 'three'].map((name) => join(home, name)).join(delimiter);
  const current = await accessOf(loadKubeConfig({}, { KUBECONFIG }, home), {});
  assert.deepEqual(
    [current.context, current.namespace, current.connection.server],
    ['test', 'ns-test', 'https://second'],
  );
  const dev = await accessOf(loadKubeConfig({ context: 'dev' }, { KUBECONFIG }, home), {});
  assert.equal(dev.connection.server, 'https://first');
});

test('what is missing is named', async (t) => {
  const home = folder(t, { one: kubeconfig(['a', 'b'], { server: 'https://x' }), broken: '{' });
  const path = join(home, 'one');
  assert.throws(() => loadKubeConfig({}, {}, home), { code: 'InvalidConfig', message: 'There is no kubeconfig' });
  assert.throws(() => loadKubeConfig({ kubeconfig: path, context: 'c' }, {}, home), {
    details: { hint: 'it has: a, b' },
  });
  assert.throws(
    () => loadKubeConfig({ kubeconfig: join(home, 'nowhere') }, {}, home),
    /There is no kubeconfig .*nowhere$/m,
  );
  assert.throws(() => loadKubeConfig({}, { KUBECONFIG: '/nowhere' }, home), {
    message: 'KUBECONFIG names /nowhere, and there is no such file',
  });
  assert.throws(() => loadKubeConfig({ kubeconfig: join(home, 'broken') }, {}, home), /Cannot read the kubeconfig/);
  await assert.rejects(accessOf(loadKubeConfig({ kubeconfig: path }, {}, home), {}), /no current context/);
});

test('a file that cannot be parsed is not quoted: there may be a token in it', (t) => {
  const home = folder(t, { config: 'users:\n- name: a\n  user:\n      token: SECRET\n   x: y\n' });
  assert.throws(
    () => loadKubeConfig({ kubeconfig: join(home, 'config') }, {}, home),
    (error: Error) => /Cannot read the kubeconfig .*\(5:/.test(error.message) && !error.message.includes('SECRET'),
  );
});

test('certificates, names and the wish not to verify are taken over', async (t) => {
  const home = folder(t, {
    'ca.pem': 'CA',
    config: kubeconfig(['a'], {
      current: 'a',
      server: 'https://x:6443/prefix',
      cluster: { 'certificate-authority': 'ca.pem', 'tls-server-name': 'api' },
      user: { 'client-certificate-data': btoa('CERT'), 'client-key-data': btoa('KEY') },
    }),
    lax: kubeconfig(['a'], { current: 'a', server: 'https://x', cluster: { 'insecure-skip-tls-verify': true } }),
    plain: kubeconfig(['a'], { current: 'a', server: 'http://localhost:8001' }),
    proxied: kubeconfig(['a'], { current: 'a', server: 'https://x', cluster: { 'proxy-url': 'http://p' } }),
  });
  const access = (name: string, environment = {}) =>
    accessOf(loadKubeConfig({ kubeconfig: join(home, name) }, {}, home), environment);
  const { headers, ...connection } = (await access('config')).connection;
  assert.deepEqual(connection, {
    server: 'https://x:6443/prefix',
    ca: 'CA',
    cert: 'CERT',
    key: 'KEY',
    serverName: 'api',
    skipTlsVerify: false,
  });
  assert.deepEqual(await headers?.(), {});
  assert.equal((await access('lax')).connection.skipTlsVerify, true);
  assert.equal((await access('lax')).connection.ca, undefined);
  assert.equal((await access('plain')).connection.server, 'http://localhost:8001');
  assert.equal((await access('plain')).connection.ca, undefined);
  assert.match((await access('proxied')).connection.ca ?? '', /^-----BEGIN CERTIFICATE-----/, 'those of the system');
  assert.equal((await access('proxied')).connection.proxy, 'http://p');
  assert.equal((await access('lax', { HTTPS_PROXY: 'q:3128' })).connection.proxy, 'http://q:3128');
});

test('tokens, passwords and login plugins end up in the headers', async (t) => {
  const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token: 'T2' } };
  const home = folder(t, {
    login: `#!/bin/sh\necho '${JSON.stringify(credential)}'\n`,
    broken: '#!/bin/sh\necho no >&2\nexit 1\n',
  });
  const headers = async (user: Record<string, unknown>) => {
    const path = join(home, 'config');
    writeFileSync(path, kubeconfig(['a'], { current: 'a', server: 'https://x', user }));
    return (await accessOf(loadKubeConfig({ kubeconfig: path }, {}, home), {})).connection.headers?.();
  };
  const plugin = (command: string) => ({
    exec: { apiVersion: 'client.authentication.k8s.io/v1', command: join(home, command), interactiveMode: 'Never' },
  });
  assert.deepEqual(await headers({ token: 'T1' }), { Authorization: 'Bearer T1' });
  assert.deepEqual(await headers({ username: 'u', password: 'p' }), { Authorization: `Basic ${btoa('u:p')}` });
  assert.deepEqual(await headers(plugin('login')), { Authorization: 'Bearer T2' });
  await assert.rejects(headers(plugin('broken')), {
    code: 'PermissionDenied',
    message: /Cannot log in to the cluster/,
  });
});
