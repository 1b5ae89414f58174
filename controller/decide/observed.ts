// What the controller knows about one target at one moment, and what it may decide to do. Types only: facts in, actions out, no behaviour.
import type { Filter, QueueKind, TargetReference } from '../../api/kinds/common.ts';
import type { SplitSession } from '../../api/kinds/split-session.ts';
import type {
  BrokerConnection,
  LedgerEntry,
  QueueLocation,
  QueueVariable,
  SplitQueue,
  WorkloadSplit,
  WorkloadSplitSpec,
} from '../../api/kinds/workload-split.ts';
import type { ErrorCode } from '../../common/errors.ts';

/** Why something cannot be done, as the user shall read it. */
export type Problem = { code: ErrorCode; message: string; retryable: boolean };

/** Something that was tried and not done: how long ago for the first time, and when it is tried again (0 or less: now). */
export type Failure = Problem & { forMs: number; retryInMs: number };

/** One queue of one session, resolved from registries, pod template, ConfigMaps and broker. */
export type ResolvedQueue = {
  /** The queue id, or `<id>::<original name>` when the id stands for several queues. */
  key: string;
  id: string;
  kind: QueueKind;
  filter: Filter;
  original: QueueLocation;
  /** Stable identity at the broker; the claim is named by its hash. */
  identity: string;
  connection: BrokerConnection;
  /** Kafka: whether a member of the group subscribes to the original; undefined: not known. */
  isSubscribed?: boolean | undefined;
  variables: QueueVariable[];
  groupVariables: QueueVariable[];
  tags: Record<string, string>;
};

export type Resolution = {
  queues: ResolvedQueue[];
  restartTimeoutSeconds: number;
  ttlSeconds: number;
};

export type ObservedSession = {
  session: SplitSession;
  /** Its Lease has not changed for its timeout, by this process's own clock. */
  expired: boolean;
  /** For how long this process has seen it, in milliseconds. */
  knownForMs: number;
  /** Present for every session that wants a route and does not have all of them yet. */
  resolution?: { ok: true; value: Resolution } | { ok: false; problem: Problem };
};

export type TargetFacts = {
  uid: string;
  /** Of the object that these facts are about: what is written to it is conditional on nobody having written in between. */
  resourceVersion: string | undefined;
  selector: WorkloadSplitSpec['target']['selector'];
  paused: boolean;
  /** A rollout that is not ours and not finished; a sentence, or undefined. */
  rolloutInProgress: string | undefined;
  /** The pod template's restart annotation, when it is there. */
  restartedAt: string | undefined;
  /** The workload's controller has seen the newest template and replaced all pods it means to replace. */
  rolloutComplete: boolean;
  /** Names of the containers of its pod template, those that run first included. */
  containers: string[];
  /** Why new pods do not come up (quota, image, admission), as the cluster says it. */
  blocked: string | undefined;
};

export type PodFact = {
  name: string;
  uid: string;
  /** Value of the patched label. */
  token: string | undefined;
  terminating: boolean;
  ready: boolean;
  /** A container of it runs or has run: it may have something in hand. */
  started: boolean;
  /** Made from a template that carries this value of our restart annotation. */
  restartedAt: string | undefined;
  address: string | undefined;
};

export type QueueFacts = {
  /** No reader of the original is left, seen twice in a row. */
  settled: boolean;
  settleMessage: string;
  /** Messages that the target still has to read in the fallback; undefined = not asked or not known. */
  remaining: number | undefined;
  /** Why `remaining` is not known although it was asked for. */
  problem: string | undefined;
  /** Temporary topics that have fewer partitions than the original has by now. */
  outgrown: string[];
  /** `remaining` was 0 in every observation for the broker's confirmation time. */
  drained: boolean;
};

export type Settings = {
  /** Ends every session and starts none: the chart is being uninstalled. */
  uninstalling: boolean;
  /** A second list of pods is made so long after the first that showed no patched pod. */
  restoreConfirmationMs: number;
  /** Seconds that a drain may take; undefined: no limit. */
  drainTimeoutSeconds: Record<QueueKind, number | undefined>;
  /** What becomes of Kafka records that the target has not read at the limit. */
  onKafkaDrainTimeout: 'Keep' | NonNullable<SplitQueue['leftOvers']>;
  /** A namespace that is being deleted waits for brokers so long; undefined = for ever. */
  cleanupDeadlineSeconds: number | undefined;
};

export type Observed = {
  now: number;
  clusterUid: string;
  namespace: { name: string; terminating: boolean };
  targetReference: TargetReference;
  split: WorkloadSplit | undefined;
  sessions: ObservedSession[];
  /** undefined = it does not exist. */
  target: TargetFacts | undefined;
  /** Consistent list of the target's pods, terminating ones included. */
  pods: PodFact[];
  queues: ReadonlyMap<string, QueueFacts>;
  webhook: {
    /** The entry of this split is in the configuration, with this environment revision. */
    registered: boolean;
    /** Why the entry cannot be written now; undefined = proven. */
    problem: string | undefined;
    /** There is no room for the entry of this split, or of one that is to come; `problem` says so. */
    full: boolean;
  };
  /** The forwarder that holds the split gives no sign of life, so messages wait in the original. */
  forwarderAway: boolean;
  /** How long consistent lists have shown no patched pod of the target, with neither webhook entry nor restart annotation, in milliseconds. */
  unpatchedForMs: number;
  /** For how long this process has seen the split being deleted together with its namespace, in milliseconds. */
  leavingForMs: number;
  /** What failed and has not succeeded since: by name of the ledger entry that was to be made, `removalOf` or `growthOf` it, uid of the pod, or `startOffsetsOf` a queue. */
  failures: ReadonlyMap<string, Failure>;
  settings: Settings;
};

/** What people must hear of although nothing failed: an event on the target. */
export type Warning = { reason: string; message: string };

export type Action =
  | { type: 'AddSessionFinalizer'; session: SplitSession }
  | { type: 'FailSession'; session: SplitSession; problem: Problem }
  | { type: 'DeleteSession'; session: SplitSession; problem: Problem }
  | { type: 'ReleaseSession'; session: SplitSession }
  | { type: 'CreateSplit'; spec: WorkloadSplitSpec }
  /** Conditional on the resourceVersion that the decision was made on. */
  | { type: 'WriteSpec'; split: WorkloadSplit; spec: WorkloadSplitSpec; why: string; warning?: Warning }
  /** Creates every named entry and then writes `Created` (with url or topic id) for those that succeeded. */
  | { type: 'CreateResources'; split: WorkloadSplit; entries: LedgerEntry[] }
  /** Deletes every named Retired entry and then takes those that are gone out of the ledger. */
  | { type: 'DeleteResources'; split: WorkloadSplit; entries: LedgerEntry[] }
  /** Gives the topics of these entries the partitions that their original got since. */
  | { type: 'GrowTopics'; split: WorkloadSplit; entries: LedgerEntry[] }
  /** Notes where partitions begin for the application's group; must come before the restart. */
  | { type: 'RecordStartOffsets'; split: WorkloadSplit; keys: string[] }
  /** Makes the webhook configuration equal to what the splits in the cluster say. */
  | { type: 'SyncWebhook' }
  /** Conditional on the target's resourceVersion, as the one after it. */
  | { type: 'RestartTarget'; restartedAt: string; resourceVersion: string | undefined }
  | { type: 'RemoveRestartAnnotation'; resourceVersion: string | undefined }
  | { type: 'EvictPod'; split: WorkloadSplit; pod: PodFact; why: string }
  | { type: 'FenceProducers'; split: WorkloadSplit; keys: string[] }
  /** The target is gone or has not drained: its group goes back to the first original record whose copy nobody read. */
  | { type: 'RewindGroups'; split: WorkloadSplit; keys: string[] }
  | { type: 'ReturnOwnRecords'; split: WorkloadSplit; keys: string[] }
  /** Its namespace cannot wait any longer: remembers elsewhere what is left, and removes our finalizer; conditional on the resourceVersion. */
  | { type: 'HandOver'; split: WorkloadSplit }
  /** Deletes the object, or, when it is deleted, removes our finalizer; both conditional on the resourceVersion. */
  | { type: 'ReleaseSplit'; split: WorkloadSplit };

export type Decision = {
  actions: Action[];
  /** What is waited for, for logs and conditions; undefined = nothing. */
  waitingFor: string | undefined;
  /** Look again after so long even if nothing changes; undefined = only on change. */
  requeueAfterMs: number | undefined;
};
