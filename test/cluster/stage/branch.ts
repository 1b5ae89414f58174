// Another shop on the same stage, for plays that end badly for their shop or go on side by side: a namespace, a workload and a queue, all of
// one name, with a producer of its own.
import { CreateQueueCommand } from '@aws-sdk/client-sqs';
import { type History, readProduced, readReceived } from '../../checker/history.ts';
import { SHOP_WORKER } from '../../shop/image.ts';
import { branchObjects, ORDERS_WORKER, SHOP_NAMESPACE } from '../../shop/manifests.ts';
import { type Producer, startProducer } from '../../shop/programs.ts';
import { waitFor } from '../../testbed/wait.ts';
import { createSession, type PlayedSession, type SessionRequest } from './session.ts';
import type { Stage } from './stage.ts';

export type Branch = {
  name: string;
  /** Applies its objects (again) and waits until its pods are there. */
  deploy(): Promise<void>;
  session(request: Omit<SessionRequest, 'branch'>): Promise<PlayedSession>;
  producer: Producer;
  /** Stops its producer and waits until every acknowledged order was handled by somebody. */
  finish(deadlineMs?: number): Promise<void>;
  /** For the checker, with every session that was made here. */
  history(): History;
};

const VISIBILITY_SECONDS = '10';

export async function openBranch(stage: Stage, name: string, replicas = 1): Promise<Branch> {
  const { cluster, sqs, collector, place } = stage;
  const client = sqs.client();
  await client.send(new CreateQueueCommand({ QueueName: name, Attributes: { VisibilityTimeout: VISIBILITY_SECONDS } }));
  client.destroy();
  const objects = branchObjects(
    { image: await shopImage(stage), program: SHOP_WORKER, sqs: sqs.environment, historyUrl: collector.url, replicas },
    name,
  );
  const deploy = async (): Promise<void> => {
    // The namespace first: objects of one list are not applied in an order that one could rely on.
    await cluster.apply(objects.slice(0, 1));
    await cluster.apply(objects);
    await cluster.kubectl(['rollout', 'status', `deployment/${name}`, '-n', name, '--timeout=120s']);
  };
  await deploy();
  const producer = await startProducer(place, { ...sqs.environment, SQS_QUEUES: name, RATE: '5' });
  const sessions: PlayedSession[] = [];
  return {
    name,
    deploy,
    producer,
    async session(request) {
      const session = await createSession(stage, { ...request, branch: name });
      sessions.push(session);
      return session;
    },
    async finish(deadlineMs = 90_000) {
      await producer.process.stop(20_000);
      await waitFor(`every order of ${name} to be handled`, () => unhandled(stage, producer).length === 0, {
        deadlineMs,
        intervalMs: 300,
      });
    },
    history() {
      const produced = readProduced(producer.file);
      const ids = new Set(produced.map(({ id }) => id));
      return {
        produced,
        received: readReceived(stage.collector.file).filter(({ id }) => ids.has(id)),
        sessions: sessions.flatMap((session) => session.lines()),
        workloads: [{ reader: name, kind: 'sqs', source: name }],
      };
    },
  };
}

/** One history of all shops: what the collector has is complete only with all of them. */
export function withBranches(main: History, branches: Iterable<Branch>): History {
  const others = [...branches].map((branch) => branch.history());
  return {
    produced: [main, ...others].flatMap(({ produced }) => produced),
    received: main.received,
    sessions: [main, ...others].flatMap(({ sessions }) => sessions),
    workloads: [main, ...others].flatMap(({ workloads }) => workloads),
  };
}

function unhandled({ collector }: Stage, producer: Producer): string[] {
  const handled = new Set(readReceived(collector.file).map((line) => line.id));
  return readProduced(producer.file).flatMap(({ id, ackAt }) => (ackAt !== null && !handled.has(id) ? [id] : []));
}

async function shopImage({ cluster }: Stage): Promise<string> {
  const path = 'jsonpath={.spec.template.spec.containers[0].image}';
  return (await cluster.kubectl(['get', 'deployment', ORDERS_WORKER, '-n', SHOP_NAMESPACE, '-o', path])).trim();
}
