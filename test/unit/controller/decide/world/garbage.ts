// What the controller's sweeps do in the model's world: pods and queues that belong to no split any more.
import type { World } from './world.ts';

/** What was handed over: what is left goes back, whatever is empty is deleted. */
export function collect({ broker, exile, handedOver }: World): void {
  if (broker.mode !== 'works' || exile) return;
  for (const split of handedOver) {
    const { queues, resources } = split.spec;
    const temporary = resources.filter(({ kind }) => kind !== 'Claim' && kind !== 'KafkaGroup');
    for (const { name, queue: key } of temporary) {
      const queue = queues.find((candidate) => candidate.key === key);
      if (!queue || !broker.waiting.has(name)) continue;
      if (queue.kind === 'Kafka') broker.fence(queue.transactionalIdPrefix ?? '', queue.fallback.name);
      while (broker.move(name, queue.original.name));
    }
    if (temporary.some(({ name }) => broker.left(name) > 0)) continue;
    for (const { name } of temporary) broker.delete(name);
    for (const { kind, name } of resources) {
      if (kind === 'Claim' && broker.claims.get(name) === split.metadata.uid) broker.claims.delete(name);
    }
    handedOver.delete(split);
  }
}

/** Pods that carry a token of no living split are replaced. */
export function replaceStrayPods({ split, target }: World): void {
  if (split) return;
  for (const pod of target.living) if (pod.token !== undefined) target.terminate(pod);
}
