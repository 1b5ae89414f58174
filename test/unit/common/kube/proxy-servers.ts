// Two proxies of a few lines: HTTP CONNECT (RFC 9110 §9.3.6) and SOCKS5 without a password (RFC 1928). Each counts what went through it.
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export type ProxyServer = {
  url: string;
  /** `host:port` of every tunnel. */
  tunnels: string[];
  /** The header Proxy-Authorization of every tunnel. */
  logins: (string | undefined)[];
  close(): Promise<void>;
};

export async function startHttpProxy(login = ''): Promise<ProxyServer> {
  const tunnels: string[] = [];
  const logins: (string | undefined)[] = [];
  const server = createHttpServer((_request, response) => response.writeHead(405).end());
  server.on('connect', (request, socket: Socket) => {
    const target = request.url ?? '';
    tunnels.push(target);
    logins.push(request.headers['proxy-authorization']);
    tunnel(socket, target, 'HTTP/1.1 200 Connection Established\r\n\r\n');
  });
  return await listening(server, `http://${login}`, { tunnels, logins });
}

export async function startSocksProxy(): Promise<ProxyServer> {
  const tunnels: string[] = [];
  const server = createServer(async (socket) => {
    await once(socket, 'data');
    socket.write(Buffer.from([5, 0]));
    const [asked] = (await once(socket, 'data')) as [Buffer];
    const isName = asked[3] === 3;
    const end = isName ? 5 + (asked[4] ?? 0) : 8;
    const host = isName ? asked.subarray(5, end).toString() : [...asked.subarray(4, end)].join('.');
    const target = `${host}:${asked.readUInt16BE(end)}`;
    tunnels.push(target);
    tunnel(socket, target, Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
  });
  return await listening(server, 'socks5://', { tunnels, logins: [] });
}

function tunnel(near: Socket, target: string, established: string | Buffer): void {
  const { hostname, port } = new URL(`tcp://${target}`);
  const far = connect(Number(port), hostname, () => near.write(established));
  near.pipe(far).pipe(near);
  for (const [one, other] of [
    [near, far],
    [far, near],
  ] as const) {
    one.on('error', () => undefined);
    one.on('close', () => other.destroy());
  }
}

async function listening(
  server: Server,
  protocol: string,
  seen: Pick<ProxyServer, 'tunnels' | 'logins'>,
): Promise<ProxyServer> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `${protocol}127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...seen,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
