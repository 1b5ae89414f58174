import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxyFor } from '../../../cli/proxy.ts';

const SERVER = 'https://api.dev.example.com:6443';

test('proxy-url of the kubeconfig goes before everything', () => {
  const environment = { HTTPS_PROXY: 'http://other:1', NO_PROXY: '*' };
  assert.equal(proxyFor(SERVER, 'socks5://bastion:1080', environment), 'socks5://bastion:1080');
  assert.equal(proxyFor('https://127.0.0.1:6443', 'http://bastion:3128', {}), 'http://bastion:3128');
  assert.equal(proxyFor(SERVER, 'socks5h://bastion:1080', {}), 'socks5://bastion:1080');
});

test('else the environment, in capitals or not, with a protocol or without', () => {
  assert.equal(proxyFor(SERVER, undefined, {}), undefined);
  assert.equal(proxyFor(SERVER, '', { HTTPS_PROXY: 'http://p:3128' }), 'http://p:3128');
  assert.equal(proxyFor(SERVER, undefined, { https_proxy: 'p:3128' }), 'http://p:3128');
  assert.equal(proxyFor(SERVER, undefined, { HTTP_PROXY: 'http://p:3128' }), undefined);
  assert.equal(proxyFor('http://api:8001', undefined, { HTTP_PROXY: 'http://p:3128' }), 'http://p:3128');
});

test('NO_PROXY and the loopback go directly', () => {
  const isDirect = (server: string, NO_PROXY: string) =>
    proxyFor(server, undefined, { HTTPS_PROXY: 'http://p:1', NO_PROXY }) === undefined;
  for (const [server, list, direct] of [
    ['https://localhost:6443', '', true],
    ['https://127.0.0.1:6443', '', true],
    ['https://[::1]:6443', '', true],
    [SERVER, '', false],
    [SERVER, '*', true],
    [SERVER, 'foo, example.com', true],
    [SERVER, 'EXAMPLE.com', true],
    [SERVER, 'api.dev.example.com:6443', true],
    [SERVER, 'api.dev.example.com:443', false],
    [SERVER, '.example.com', true],
    [SERVER, '*.example.com', true],
    [SERVER, 'ample.com', false],
    ['https://example.com', '.example.com', false],
    ['https://10.1.2.3', '10.0.0.0/8', true],
    ['https://10.1.2.3:6443', '10.1.2.3:6443', true],
    ['https://11.1.2.3', '10.0.0.0/8,11.1.2.4', false],
    ['https://[fd00::5]', 'fd00::/8', true],
    ['https://[fd00::5]:6443', '[fd00::5]:6443', true],
    ['https://api.10.example', '10.0.0.0/8', false],
    ['https://10.1.2.3', '10.0.0.0/33', false],
    ['https://10.1.2.3', '10.0.0.0/', false],
    ['https://[fd00::5]', 'fd00::/eight', false],
  ] as const) {
    assert.equal(isDirect(server, list), direct, `${server} with NO_PROXY=${list}`);
  }
});

test('what is no proxy is named, its password is not', () => {
  assert.throws(() => proxyFor(SERVER, 'ftp://me:secret@p:21', {}), {
    code: 'InvalidConfig',
    message: 'The proxy-url of the kubeconfig is not the URL of a proxy: ftp://…@p:21',
  });
  assert.throws(() => proxyFor(SERVER, 'http://me:se/cr@et@p:3128', {}), {
    message: 'The proxy-url of the kubeconfig is not the URL of a proxy: http://…@p:3128',
  });
  assert.throws(() => proxyFor(SERVER, undefined, { HTTPS_PROXY: 'ftp://p' }), /variable HTTPS_PROXY/);
});
