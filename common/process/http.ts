// The plain HTTP port of every process in the cluster: /healthz (alive), /readyz (may get work) and /metrics. Nothing secret is served here.
import { type FastifyInstance, fastify } from 'fastify';
import { toSplitterError } from '../errors.ts';
import { registry } from '../metrics/registry.ts';

/** Undefined = ready; otherwise a sentence that says what is missing. */
export type ReadinessCheck = () => string | undefined;

/** Node's word for: IPv6 and IPv4, or IPv4 alone where there is no IPv6. */
export const ANY_ADDRESS = '';

export type ProcessServer = {
  /** The port in use, also when 0 was asked for. */
  port: number;
  close(): Promise<void>;
};

/** Listens on all addresses. `checks` are asked at every /readyz, by name. */
export async function startProcessServer(options: {
  port: number;
  checks: Readonly<Record<string, ReadinessCheck>>;
}): Promise<ProcessServer> {
  const server: FastifyInstance = fastify({ logger: false });

  server.get('/healthz', async () => ({ ok: true }));

  server.get('/readyz', async (_request, reply) => {
    const checks = Object.fromEntries(Object.entries(options.checks).map(([name, check]) => [name, ask(check)]));
    const ready = Object.values(checks).every((answer) => answer === 'ok');
    return reply.code(ready ? 200 : 503).send({ ready, checks });
  });

  server.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()));

  await server.listen({ port: options.port, host: ANY_ADDRESS });
  const address = server.server.address();
  return {
    port: typeof address === 'object' && address ? address.port : options.port,
    close: () => server.close(),
  };
}

function ask(check: ReadinessCheck): string {
  try {
    return check() ?? 'ok';
  } catch (error) {
    return toSplitterError(error).message;
  }
}
