// HTTP to the API server over undici: one request in, a decoded body or a SplitterError out. Knows nothing of Kubernetes' verbs.
import type { Readable } from 'node:stream';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import { type Clock, pause } from '../clock.ts';
import { SplitterError } from '../errors.ts';
import { kubeMetrics } from '../metrics/kube.ts';
import { type Call, describeCall, resourceName, responseError, transportError } from './api-error.ts';
import type { KubeConnection } from './connection.ts';

export type Request = {
  /** For messages and metrics. */
  call: Call;
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  /** Undefined values are left out. */
  query?: Record<string, string | undefined>;
  contentType?: string;
  body?: unknown;
  signal?: AbortSignal | undefined;
};

export type Transport = {
  server: string;
  /** The decoded JSON of a 2xx answer. */
  send(request: Request): Promise<unknown>;
  /** The body of a 2xx answer as text while it arrives; the time limit counts until its headers. */
  open(request: Request): Promise<Readable>;
  close(): Promise<void>;
};

export type TransportOptions = { userAgent: string; requestTimeoutMs: number; clock: Clock };

/** How often a request is repeated that the server refused with a Retry-After header (it did nothing with it then). */
const MAX_RETRIES = 3;

export function createTransport(connection: KubeConnection, options: TransportOptions): Transport {
  const url = new URL(connection.server);
  const prefix = url.pathname.replace(/\/$/, '');
  const agent = createAgent(connection, options.requestTimeoutMs);

  async function dispatch(request: Request, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    return agent.request({
      origin: url.origin,
      path: prefix + request.path + queryString(request.query),
      method: request.method,
      headers: {
        accept: 'application/json',
        'user-agent': options.userAgent,
        ...(request.contentType !== undefined && { 'content-type': request.contentType }),
        ...(await connection.headers?.()),
      },
      body: request.body === undefined ? null : JSON.stringify(request.body),
      signal,
    });
  }

  /** Sends until the server does something with it or the signal aborts; rejects with what the server said last. */
  async function attempt(request: Request, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    for (let retries = 0; ; retries += 1) {
      const response = await dispatch(request, signal);
      count(request.call, String(response.statusCode));
      if (response.statusCode < 300) return response;
      const retryAfterMs = readRetryAfter(response);
      const error = responseError(request.call, response.statusCode, decode(await response.body.text()), retryAfterMs);
      if (!error.retryable || retryAfterMs === undefined || retries === MAX_RETRIES) throw error;
      await pause(options.clock, retryAfterMs, signal);
      if (signal.aborted) throw error;
    }
  }

  /** Runs `work` with a signal that aborts at the time limit or with the caller's. */
  async function limited<T>(request: Request, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const limit = new AbortController();
    const cancel = options.clock.after(options.requestTimeoutMs, () =>
      limit.abort(new Error(`no answer within ${options.requestTimeoutMs} ms`)),
    );
    const signal = request.signal ? AbortSignal.any([request.signal, limit.signal]) : limit.signal;
    try {
      return await work(signal);
    } catch (error) {
      if (error instanceof SplitterError) throw error;
      if (request.signal?.aborted) {
        throw new SplitterError('Interrupted', `Stopped before the answer to: ${describeCall(request.call)}.`, {
          cause: error,
        });
      }
      count(request.call, 'none');
      throw transportError(request.call, whereabouts(connection), limit.signal.aborted ? limit.signal.reason : error);
    } finally {
      cancel();
    }
  }

  return {
    server: connection.server,
    send: (request) =>
      limited(request, async (signal) => JSON.parse(await (await attempt(request, signal)).body.text())),
    open: (request) => limited(request, async (signal) => (await attempt(request, signal)).body),
    close: () => agent.destroy(),
  };
}

/** For people; a proxy without its password. */
function whereabouts({ server, proxy }: KubeConnection): string {
  if (proxy === undefined) return server;
  const { protocol, host } = new URL(proxy);
  return `${server} through the proxy ${protocol}//${host}`;
}

/** Connections to the API server, straight or through the proxy, where TLS goes on to the API server itself. */
function createAgent(connection: KubeConnection, connectTimeoutMs: number): Agent | ProxyAgent {
  const { ca, cert, key, serverName, skipTlsVerify, proxy } = connection;
  const tls = {
    rejectUnauthorized: skipTlsVerify !== true,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(serverName !== undefined && { servername: serverName }),
  };
  const common = { allowH2: false, headersTimeout: 0, bodyTimeout: 0 };
  if (proxy === undefined) return new Agent({ ...common, connect: { timeout: connectTimeoutMs, ...tls } });
  return new ProxyAgent({ ...common, uri: proxy, connectTimeout: connectTimeoutMs, requestTls: tls });
}

function count(call: Call, status: string): void {
  kubeMetrics.requests.inc({ verb: call.verb, resource: resourceName(call), status });
}

/** The body of a refusal: JSON where it is JSON; others (proxies, "404 page not found") as text. */
function decode(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Seconds, as Kubernetes sends it; the HTTP-date form is not used by API servers. */
function readRetryAfter(response: Dispatcher.ResponseData): number | undefined {
  const seconds = Number(response.headers['retry-after']);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

function queryString(query: Request['query']): string {
  const present = Object.entries(query ?? {}).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return present.length === 0 ? '' : `?${new URLSearchParams(present)}`;
}
