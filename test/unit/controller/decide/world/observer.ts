// What a controller sees of the model's world: a copy of the facts at one moment, as `observe` gathers them from a real cluster.
import type { SplitQueue } from '../../../../../api/kinds/workload-split.ts';
import type { Observed, ObservedSession, QueueFacts } from '../../../../../controller/decide/observed.ts';
import { isRouted } from '../../../../../controller/decide/sessions.ts';
import { isProvisional, reports } from '../../../../../controller/decide/spec.ts';
import { Steady } from '../../../../../controller/observe/steady.ts';
import { CLUSTER, NAMESPACE, resolved, TARGET } from './catalog.ts';
import type { World } from './world.ts';

const RESTORE_CONFIRMATION_MS = 10_000;
const EMPTY_CONFIRMATION_MS = 1000;

export class Observer {
  readonly #world: World;
  readonly #steady: Steady;

  constructor(world: World) {
    this.#world = world;
    this.#steady = new Steady(() => world.now);
  }

  observe(): Observed {
    const world = this.#world;
    const { target } = world;
    const { split } = world;
    const facts = target.facts();
    const pods = target.podFacts();
    const registered = target.entry.newest !== undefined && split !== undefined;
    const isCurrent = target.entry.newest?.environmentRevision === split?.spec.environmentRevision;
    const isFull = world.webhookFull && !registered && (split === undefined || world.isPatching);
    const restored =
      ['Restoring', 'Abandoned'].includes(split?.spec.phase ?? '') &&
      target.entry.newest === undefined &&
      facts?.restartedAt === undefined;
    const observed: Observed = {
      now: world.now,
      clusterUid: CLUSTER,
      namespace: { name: NAMESPACE, terminating: world.terminating },
      targetReference: TARGET,
      split,
      sessions: [],
      target: facts,
      pods,
      queues: this.#queues(split?.spec.queues ?? []),
      webhook: {
        registered: registered && (isCurrent || !world.isPatching),
        problem: world.webhookDown || isFull ? 'no ready endpoint, or no room' : undefined,
        full: isFull,
      },
      forwarderAway: false,
      unpatchedForMs: this.#steady.note(
        `${split?.metadata.uid} unpatched`,
        restored && pods.every((pod) => pod.token === undefined),
      ).forMs,
      leavingForMs: this.#steady.note(
        `${split?.metadata.uid} leaving`,
        world.terminating && split?.metadata.deletionTimestamp !== undefined,
      ).forMs,
      failures: new Map(world.failures.of(split?.metadata.uid ?? '')),
      settings: {
        uninstalling: world.uninstalling,
        restoreConfirmationMs: RESTORE_CONFIRMATION_MS,
        drainTimeoutSeconds: { SQS: world.lingerSeconds, Kafka: world.lingerSeconds },
        onKafkaDrainTimeout: world.onKafkaDrainTimeout,
        cleanupDeadlineSeconds: world.deadlineSeconds,
      },
    };
    return { ...observed, sessions: this.#sessions(observed) };
  }

  #sessions(observed: Observed): ObservedSession[] {
    const world = this.#world;
    return [...world.sessions.values()].map((session) => {
      const entry = {
        session,
        expired: world.silent.has(session.metadata.name),
        knownForMs: this.#steady.note(`${session.metadata.uid} known`, true).forMs,
      };
      if (isRouted(observed, session)) return entry;
      if (!world.target.exists || world.target.isRenamed) {
        const message = 'the target does not exist, or its container has another name';
        return { ...entry, resolution: { ok: false, problem: { code: 'TargetNotFound', message, retryable: false } } };
      }
      const queues = resolved(session).map((queue) => ({
        ...queue,
        isSubscribed: queue.kind === 'SQS' || world.broker.subscribed,
      }));
      const value = { queues, restartTimeoutSeconds: 60, ttlSeconds: world.ttlSeconds };
      return { ...entry, resolution: { ok: true, value } };
    });
  }

  #queues(queues: readonly SplitQueue[]): Map<string, QueueFacts> {
    const { broker, split } = this.#world;
    if (!split) return new Map();
    const { phase, token } = split.spec;
    const allPatched = this.#world.target.pods.every((pod) => pod.token === token);
    const isAsked = ['Draining', 'Restoring', 'Cleaning'].includes(phase) && broker.mode !== 'unreachable';
    const told = queues.filter((queue) => !isProvisional(split.spec, queue));
    return new Map(
      told.map((queue) => {
        const id = `${split.metadata.uid} ${queue.key}`;
        const isSettled = allPatched && (queue.kind === 'SQS' || broker.settled) && queue.forwarding === 'Hold';
        const settled = this.#steady.note(`${id} settled`, isSettled && phase === 'Patching');
        const remaining = isAsked ? broker.left(queue.fallback.name) : undefined;
        const quiet = reports(split, queue, 'Stopped', 'Returned');
        const empty = this.#steady.note(`${id} empty`, quiet && remaining === 0);
        return [
          queue.key,
          {
            settled: settled.times > 0 && settled.forMs >= (queue.kind === 'Kafka' ? 1000 : 0),
            settleMessage: 'somebody reads',
            remaining,
            problem: undefined,
            outgrown: ['Patching', 'Splitting', 'Warm'].includes(phase) ? this.#outgrown(queue) : [],
            drained: empty.times > 1 && empty.forMs >= EMPTY_CONFIRMATION_MS,
          },
        ];
      }),
    );
  }

  #outgrown({ key }: SplitQueue): string[] {
    const { broker, split } = this.#world;
    const names = (split?.spec.resources ?? []).filter((entry) => entry.queue === key).map(({ name }) => name);
    return names.filter((name) => broker.outgrown.has(name));
  }
}
