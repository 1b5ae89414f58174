/** HTTP requests to addresses inside a cluster's network, cheap enough to be asked ten times a second. */
import { request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { connect } from 'node:tls';
import type { Forwarder, InsideAddress } from './forward.ts';

export type InsideRequest = {
  address: InsideAddress;
  path: string;
  /** TLS with this authority, and a bearer token. */
  secure?: { authorityPem: string; token: string };
};

const deadlineMs = 5_000;

/** Status and body of a GET request. */
export function getInside(forwarder: Forwarder, asked: InsideRequest): Promise<{ status: number; body: string }> {
  const { address, path, secure } = asked;
  return new Promise((resolve, reject) => {
    const socket = forwarder.connectTo(address);
    socket.on('error', reject);
    const signal = AbortSignal.timeout(deadlineMs);
    const request =
      secure === undefined
        ? plainRequest({ path, signal, createConnection: () => socket })
        : secureRequest({
            path,
            signal,
            headers: { authorization: `Bearer ${secure.token}` },
            createConnection: () => connect({ socket, ca: secure.authorityPem, servername: 'localhost' }),
          });
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        socket.destroy();
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() });
      });
    });
    request.end();
  });
}
