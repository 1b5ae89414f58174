// SQS clients, one per region and endpoint, with the SDK's default credential chain. Every error that leaves this file's `call` is a SplitterError.
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { SQSClient, type SQSClientConfig } from '@aws-sdk/client-sqs';
import type { BrokerConnection } from '../../api/kinds/workload-split.ts';
import { parseQueueReference } from '../naming/sqs-reference.ts';
import { toSqsError } from './errors.ts';

export type SqsClients = {
  /**
   * @param queueUrl when it names a region (AWS), that wins, so that queues of other regions just work. Emulators' URLs do not; there
   * the connection, AWS_ENDPOINT_URL_SQS and AWS_REGION decide.
   */
  for(connection: BrokerConnection, queueUrl?: string): SQSClient;
  /** Ends all connections. */
  close(): void;
};

export type SqsClientSettings = {
  /** Concurrent requests of one client; long polls hold one each. */
  maxSockets: number;
  connectTimeoutMs: number;
  /** Must be longer than the longest poll (20 s). */
  requestTimeoutMs: number;
};

const DEFAULTS: SqsClientSettings = { maxSockets: 256, connectTimeoutMs: 3_000, requestTimeoutMs: 30_000 };

export function createSqsClients(settings: Partial<SqsClientSettings> = {}): SqsClients {
  const { maxSockets, connectTimeoutMs, requestTimeoutMs } = { ...DEFAULTS, ...settings };
  const clients = new Map<string, SQSClient>();

  const create = (region: string | undefined, endpoint: string | undefined): SQSClient => {
    const config: SQSClientConfig = {
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint }),
      // The region is chosen from the URL above; a URL's host is not trusted as an address (emulators write `localhost` into it).
      useQueueUrlAsEndpoint: false,
      maxAttempts: 3,
      requestHandler: {
        httpAgent: new HttpAgent({ keepAlive: true, maxSockets }),
        httpsAgent: new HttpsAgent({ keepAlive: true, maxSockets }),
        connectionTimeout: connectTimeoutMs,
        requestTimeout: requestTimeoutMs,
        throwOnRequestTimeout: true,
      },
    };
    return new SQSClient(config);
  };

  return {
    for(connection, queueUrl) {
      const region = (queueUrl === undefined ? undefined : parseQueueReference(queueUrl).region) ?? connection.region;
      const key = `${region ?? ''} ${connection.endpoint ?? ''}`;
      const known = clients.get(key);
      if (known !== undefined) return known;
      const client = create(region, connection.endpoint);
      clients.set(key, client);
      return client;
    },
    close() {
      for (const client of clients.values()) client.destroy();
      clients.clear();
    },
  };
}

/** Awaits one SDK call; what it throws becomes a SplitterError that names action and queue. */
export async function call<T>(action: string, queue: string, sent: Promise<T>): Promise<T> {
  try {
    return await sent;
  } catch (error) {
    throw toSqsError(error, action, queue);
  }
}
