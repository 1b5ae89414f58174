/** Which broker is asked when any will do. What brokers answer is proved with real ones. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { kafkaClientOptions } from '../../../../../common/kafka/connection-options.ts';
import { Cluster } from '../../../../../common/kafka/wire/cluster.ts';
import { waitFor } from '../../../../testbed/wait.ts';

type Listener = { server: Server; port: number; sockets: Socket[] };

const listeners: Listener[] = [];

/** Takes connections and says nothing, as a broker that hangs. */
async function listen(): Promise<Listener> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    sockets.push(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const listener = { server, port: (server.address() as AddressInfo).port, sockets };
  listeners.push(listener);
  return listener;
}

describe('any broker', () => {
  after(() => {
    for (const { server, sockets } of listeners) {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });

  it('is the first that takes a connection, and not the one that was lost last', async () => {
    const [one, other] = [await listen(), await listen()];
    const servers = [one, other].map(({ port }) => `127.0.0.1:${port}`).join(',');
    const cluster = new Cluster(kafkaClientOptions(new Map([['bootstrap.servers', servers]])));
    const asked = async () => (await cluster.anyBroker()).port;
    assert.equal(await asked(), one.port);
    assert.equal(await asked(), one.port);
    await waitFor('the connection to arrive', () => one.sockets.length > 0, { deadlineMs: 5_000, intervalMs: 5 });
    for (const socket of one.sockets) socket.destroy();
    await waitFor('the other one to be asked', async () => (await asked()) === other.port, { deadlineMs: 5_000 });
    for (const socket of other.sockets) socket.destroy();
    await waitFor('the first one to be asked again', async () => (await asked()) === one.port, { deadlineMs: 5_000 });
    await cluster.close();
  });
});
