// The target of the model's world: a Deployment, its pods, the API servers that admit them, and the webhook that patches them. Pods read one
// message at a time from where their environment says, and give it back when they die.
import { PATCHING_PHASES, type WorkloadSplit } from '../../../../../api/kinds/workload-split.ts';
import type { PodFact, TargetFacts } from '../../../../../controller/decide/observed.ts';
import type { Broker } from './broker.ts';
import { QUEUE_IDS, type QueueId, TARGET, variableOf } from './catalog.ts';
import { History } from './history.ts';

/** Through which API server a pod comes: one that knows everything, or one that lags, which calls a webhook replica that lags, too. */
export type Via = 'fresh' | 'lagging';

type Pod = PodFact & { template: string | undefined; reads: ReadonlyMap<QueueId, string>; inHand: QueueId | undefined };

type Entry = { environmentRevision: number } | undefined;
type Known = Pick<WorkloadSplit['spec'], 'phase' | 'token' | 'environment' | 'environmentRevision'> | undefined;

export class Target {
  exists = true;
  uid = 'target-1';
  replicas = 2;
  restartedAt: string | undefined;
  paused = false;
  /** New pods do not come up: a quota, an image. */
  blocked = false;
  /** Its owner has given another name to the container whose variables name the queues: the webhook can do nothing for its new pods. */
  isRenamed = false;
  /** A disruption budget allows no eviction. */
  guarded = false;
  pods: Pod[] = [];
  readonly entry = new History<Entry>(undefined);
  readonly webhook = new History<Known>(undefined);
  version = 1;
  readonly #broker: Broker;
  readonly #now: () => number;
  #made = 0;

  constructor(broker: Broker, now: () => number) {
    this.#broker = broker;
    this.#now = now;
    this.pods = [this.#newPod('fresh'), this.#newPod('fresh')];
  }

  get living(): Pod[] {
    return this.pods.filter((pod) => !pod.terminating);
  }

  get #template(): string | undefined {
    return this.isRenamed ? `renamed ${this.restartedAt}` : this.restartedAt;
  }

  rename(): void {
    this.isRenamed = true;
    this.version += 1;
  }

  /** One small step of the workload's controller or of a kubelet. */
  rollout(via: Via): void {
    const going = this.pods.find((pod) => pod.terminating);
    if (going) this.#remove(going);
    else if (this.exists) this.#roll(via);
  }

  #roll(via: Via): void {
    const old = this.living.find((pod) => pod.template !== this.#template);
    const missing = this.replicas - this.living.length;
    if (missing < 0) this.terminate(old ?? this.living[0]);
    if (missing < 0 || this.blocked || (missing === 0 && (!old || this.paused))) return;
    this.#add(via);
    if (missing === 0) this.terminate(old);
  }

  terminate(pod: Pod | undefined): void {
    if (pod) pod.terminating = true;
  }

  /** Somebody writes to the template: the restart annotation comes or goes. */
  annotate(value: string | undefined): void {
    this.restartedAt = value;
    this.version += 1;
  }

  /** Every pod that is alive receives a message, or is done with the one that it has. */
  consume(): void {
    for (const pod of this.pods) {
      const { inHand } = pod;
      const queue = inHand && pod.reads.get(inHand);
      if (queue !== undefined) {
        this.#broker.finish(queue);
        pod.inHand = undefined;
      } else if (!pod.terminating) {
        pod.inHand = [...pod.reads].find(([, name]) => this.#broker.receive(name))?.[0];
      }
    }
  }

  /** Applications send to the queue of their own variable, too. */
  produce(id: QueueId): void {
    const queue = this.living[0]?.reads.get(id);
    if (queue !== undefined && this.#broker.waiting.has(queue)) this.#broker.produce(queue);
  }

  delete(): void {
    this.exists = false;
    this.restartedAt = undefined;
    for (const pod of [...this.pods]) this.#remove(pod);
  }

  recreate(): void {
    if (this.exists) return;
    this.exists = true;
    this.uid = `${this.uid}-again`;
    this.version += 1;
  }

  facts(): TargetFacts | undefined {
    if (!this.exists) return undefined;
    const isOld = (pod: Pod): boolean => pod.template !== this.#template;
    const rolling = this.living.some(isOld) || this.living.length !== this.replicas;
    return {
      uid: this.uid,
      resourceVersion: String(this.version),
      selector: { matchLabels: { app: TARGET.name } },
      paused: this.paused,
      rolloutInProgress: rolling ? 'old pods are still there' : undefined,
      restartedAt: this.restartedAt,
      rolloutComplete: !rolling,
      containers: [this.isRenamed ? 'renamed' : 'app'],
      blocked: this.blocked ? 'exceeded quota' : undefined,
    };
  }

  podFacts(): PodFact[] {
    return this.pods.map(({ template: _, reads: __, inHand: ___, ...fact }) => ({ ...fact }));
  }

  #add(via: Via): void {
    this.pods.push(this.#newPod(via));
    this.#broker.settled = false;
  }

  #newPod(via: Via): Pod {
    this.#made += 1;
    const uid = `pod-${this.#made}`;
    const injected = this.#admit(via);
    const reads = new Map(
      QUEUE_IDS.map((id) => {
        const variable = injected?.environment.find((entry) => entry.variable === variableOf(id));
        return [id, variable?.value.split('/').at(-1) ?? id];
      }),
    );
    return {
      name: uid,
      uid,
      token: injected?.token,
      terminating: false,
      ready: true,
      started: true,
      restartedAt: this.restartedAt,
      address: undefined,
      template: this.#template,
      reads,
      inHand: undefined,
    };
  }

  /** A replica whose cache is older than the revision in the entry's path asks the API server. */
  #admit(via: Via): Known {
    const entry = via === 'fresh' ? this.entry.newest : this.entry.lagging(this.#now());
    if (entry === undefined || this.isRenamed) return undefined;
    const cached = via === 'fresh' ? this.webhook.newest : this.webhook.lagging(this.#now());
    const isBehind = cached === undefined || cached.environmentRevision < entry.environmentRevision;
    const known = isBehind ? this.webhook.newest : cached;
    return known && PATCHING_PHASES.has(known.phase) ? known : undefined;
  }

  #remove(pod: Pod): void {
    this.pods = this.pods.filter((other) => other !== pod);
    this.#broker.settled = false;
    const queue = pod.inHand && pod.reads.get(pod.inHand);
    if (queue !== undefined) this.#broker.giveBack(queue);
  }
}
