// The HTTPS port that API servers call. They use HTTP/1.1 with kept-alive connections, also towards a pod that is going away; timeouts and
// the order of the shutdown follow from that.
import type { SecureContextOptions } from 'node:tls';
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import { z } from 'zod';
import { type Clock, pause } from '../common/clock.ts';
import { toSplitterError } from '../common/errors.ts';
import type { Log } from '../common/log.ts';
import { ANY_ADDRESS } from '../common/process/http.ts';
import type { Admit } from './admit.ts';
import { knowledge, type SplitCache } from './lookup.ts';
import { answer, parseReview } from './review.ts';

export type WebhookServerOptions = {
  port: number;
  /** PEM. */
  certificate: { key: string; cert: string };
  admit: Admit;
  cache: SplitCache;
  /** Said in /proven, so that the controller knows whom it asked. */
  podName: string;
  clock: Clock;
  log: Log;
};

export type WebhookServer = {
  port: number;
  /** For new handshakes; kept-alive connections go on as they are. */
  setCertificate(certificate: { key: string; cert: string }): void;
  /** Serves for `drainMs` more and asks callers to leave, then closes. */
  close(drainMs: number): Promise<void>;
};

/** Two objects of at most 3 MB and the envelope (controller-runtime's reasoning). */
const BODY_LIMIT = 7 * 1024 * 1024;
/** Of a WorkloadSplit, as of any object. */
const MAX_NAME = 253;
/** Go keeps idle connections for 90 s; who closes first must not be us. */
const KEEP_ALIVE_MS = 100_000;
const REQUEST_TIMEOUT_MS = 15_000;

const splitPath = z.object({
  namespace: z.string().min(1),
  name: z.string().min(1),
  uid: z.string().min(1),
  environmentRevision: z.coerce.number().int().min(0),
});

export async function startWebhookServer(options: WebhookServerOptions): Promise<WebhookServer> {
  let draining = false;
  const server: FastifyInstance = fastify({
    logger: false,
    https: { ...options.certificate, minVersion: 'TLSv1.2' },
    bodyLimit: BODY_LIMIT,
    routerOptions: { maxParamLength: MAX_NAME },
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    return503OnClosing: false,
    // A pod may have annotations of any name; what we parse is never merged into anything.
    onProtoPoisoning: 'ignore',
    onConstructorPoisoning: 'ignore',
  });
  server.server.headersTimeout = KEEP_ALIVE_MS + 5_000;
  server.removeContentTypeParser('text/plain');

  server.addHook('onSend', async (_request, reply: FastifyReply) => {
    if (draining) reply.header('connection', 'close');
  });

  // The API server adds ?timeout=3s to the path; routes do not look at it.
  server.post('/mutate/:namespace/:name/:uid/:environmentRevision', async (request) => {
    const review = parseReview(request.body);
    return answer(review, await options.admit(splitPath.parse(request.params), review));
  });

  server.get('/proven/:namespace/:name/:uid/:environmentRevision', async (request, reply) => {
    const known = knowledge(options.cache, splitPath.parse(request.params));
    return reply.code(known.ready ? 200 : 503).send({ pod: options.podName, ...known });
  });

  server.setErrorHandler(async (error, _request, reply) => {
    const status = error instanceof z.ZodError ? 400 : statusOf(error);
    options.log.error({ err: error, status }, 'a request could not be answered');
    return reply.code(status).send({ code: toSplitterError(error).code, message: toSplitterError(error).message });
  });

  await server.listen({ port: options.port, host: ANY_ADDRESS });
  const address = server.server.address();
  return {
    port: typeof address === 'object' && address ? address.port : options.port,
    setCertificate: (certificate) => setSecureContext(server, certificate),
    async close(drainMs) {
      draining = true;
      await pause(options.clock, drainMs);
      await server.close();
    },
  };
}

function setSecureContext(server: FastifyInstance, certificate: SecureContextOptions): void {
  const { server: raw } = server;
  if ('setSecureContext' in raw && typeof raw.setSecureContext === 'function') raw.setSecureContext(certificate);
}

/** Fastify's own errors (body too large, wrong content type) carry a status. */
function statusOf(error: unknown): number {
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : Number.NaN;
  return Number.isInteger(status) ? status : toSplitterError(error).code === 'ApiRejected' ? 400 : 500;
}
