// Is there a proxy on the way to the API server? As kubectl decides it: the cluster's `proxy-url`, else HTTPS_PROXY, HTTP_PROXY and
// NO_PROXY by Go's rules (https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config). Pure.
import { BlockList, isIP, isIPv6 } from 'node:net';
import { SplitterError } from '../common/errors.ts';

/** What kubectl takes. Names are resolved by the SOCKS5 proxy, which is what the h asks for. */
const PROTOCOLS = new Set(['http:', 'https:', 'socks5:', 'socks5h:']);

/**
 * The proxy's URL, or undefined for the direct way.
 * @throws SplitterError `InvalidConfig` for a URL that is none, or of another protocol.
 */
export function proxyFor(
  server: string,
  proxyUrl: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  if (proxyUrl) return readProxy(proxyUrl, 'proxy-url of the kubeconfig');
  const { protocol, hostname, port } = new URL(server);
  const name = protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const value = ofEnvironment(environment, name);
  const host = hostname.replace(/^\[(.+)\]$/, '$1');
  const directly = isLoopback(host) || isListed(host, port || (protocol === 'https:' ? '443' : '80'), environment);
  if (value === undefined || directly) return undefined;
  return readProxy(value.includes('://') ? value : `http://${value}`, `variable ${name}`);
}

function readProxy(text: string, source: string): string {
  const protocol = URL.canParse(text) ? new URL(text).protocol : undefined;
  if (protocol !== undefined && PROTOCOLS.has(protocol)) return text.replace(/^socks5h:/, 'socks5:');
  throw new SplitterError('InvalidConfig', `The ${source} is not the URL of a proxy: ${withoutPassword(text)}`, {
    details: { hint: 'write for example http://proxy.example.com:3128; http, https and socks5 are possible' },
  });
}

function withoutPassword(text: string): string {
  return text.replace(/\/\/.*@/, '//…@');
}

function ofEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  name: 'HTTPS_PROXY' | 'HTTP_PROXY' | 'NO_PROXY',
): string | undefined {
  return environment[name] || environment[name.toLowerCase()] || undefined;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

/** `*`, an address, a range of addresses, `example.com` (it and all below), `.example.com` (all below); each with a port or without. */
function isListed(host: string, port: string, environment: Readonly<Record<string, string | undefined>>): boolean {
  const entries = (ofEnvironment(environment, 'NO_PROXY') ?? '').toLowerCase().split(',');
  return entries
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      const [, name = entry, wantedPort] = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(entry) ?? [];
      return (wantedPort === undefined || wantedPort === port) && covers(name.replace(/^\[(.+)\]$/, '$1'), host);
    });
}

function covers(entry: string, host: string): boolean {
  const [address = '', bits] = entry.split('/');
  if (isIP(address) !== 0) return coversAddress(address, bits, host);
  const domain = entry.replace(/^\*/, '');
  return domain.startsWith('.') ? host.endsWith(domain) : host === domain || host.endsWith(`.${domain}`);
}

function coversAddress(address: string, bits: string | undefined, host: string): boolean {
  if (isIP(host) === 0) return false;
  const family = (text: string) => (isIPv6(text) ? 'ipv6' : 'ipv4');
  const list = new BlockList();
  // Go passes over what is no range.
  if (bits !== undefined && !(/^\d+$/.test(bits) && Number(bits) <= (isIPv6(address) ? 128 : 32))) return false;
  if (bits === undefined) list.addAddress(address, family(address));
  else list.addSubnet(address, Number(bits), family(address));
  return list.check(host, family(host));
}
