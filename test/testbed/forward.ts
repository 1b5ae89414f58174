/**
 * The way from the machine into a cluster's network: TCP ports on the machine's loopback, each connected with one
 * address inside.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type NodeHost, runFile } from './node-host.ts';
import { HopelessError, waitFor } from './wait.ts';

export type InsideAddress = { host: string; port: number };

export type Forward = {
  /** An address of the machine: the loopback. */
  host: string;
  port: number;
  close(): Promise<void>;
};

export type Forwarder = {
  /** A connection to an address inside, without a port on the machine. */
  connectTo(address: InsideAddress): Socket;
  forwardTo(address: InsideAddress): Promise<Forward>;
  close(): Promise<void>;
};

/** Starts the helper inside the network namespace. */
export async function startForwarder(host: NodeHost): Promise<Forwarder> {
  const socketPath = runFile(host.run, 'f.sock');
  const helper = await host.startOutside(
    process.execPath,
    [fileURLToPath(new URL('./forward-helper.ts', import.meta.url)), socketPath],
    { name: 'forward-helper', stdout: 'pipe' },
  );
  let said = '';
  helper.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await waitFor(
    'the way into the cluster network',
    () => {
      if (!helper.isRunning()) throw new HopelessError(`The forward helper ended:\n${helper.tail()}`);
      return said.includes('ready');
    },
    { deadlineMs: 15_000, intervalMs: 10 },
  );
  const connectTo = (address: InsideAddress): Socket => {
    const socket = connect({ path: socketPath, allowHalfOpen: true });
    socket.write(`${address.host}:${address.port}\n`);
    return socket;
  };
  const forwards = new Set<Forward>();
  return {
    connectTo,
    async forwardTo(address) {
      const sockets = new Set<Socket>();
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (outer) => {
        const inner = connectTo(address);
        for (const [one, other] of [
          [outer, inner],
          [inner, outer],
        ] as const) {
          sockets.add(one);
          one.on('error', () => other.destroy());
          one.on('close', () => {
            sockets.delete(one);
            other.destroySoon();
          });
          one.pipe(other);
        }
      });
      // A cluster that could not start leaves it open; it alone keeps no process alive.
      server.unref();
      const forward: Forward = {
        host: '127.0.0.1',
        port: await listen(server),
        close: () =>
          new Promise((resolve) => {
            forwards.delete(forward);
            server.close(() => resolve());
            for (const socket of sockets) socket.destroy();
          }),
      };
      forwards.add(forward);
      return forward;
    },
    async close() {
      await Promise.all([...forwards].map((forward) => forward.close()));
    },
  };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}
