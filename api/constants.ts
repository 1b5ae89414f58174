// Names that other systems see: API groups, labels, annotations, finalizers. Every one is written here once and nowhere else.

/** Group of the resources that mirrord users already have (`MirrordWorkloadQueueRegistry` and its siblings). */
export const MIRRORD_GROUP = 'queues.mirrord.metalbear.co';
export const MIRRORD_VERSION = 'v1alpha';

/** Group of our own resources (`SplitSession`, `WorkloadSplit`). */
export const GROUP = 'queuesplitter.dev';
export const VERSION = 'v1alpha1';

/** Label of every patched pod; its value is the token of the split that patched it. The name is mirrord's: its guides tell people to look for it. */
export const PATCHED_LABEL = 'operator.metalbear.co/patched';

/** Begins every token of ours: pods that another operator patched are told apart by it, and left alone. */
export const TOKEN_PREFIX = 'qs-';

/** Our own restart annotation in the pod template; never kubectl's key, so that removing it takes the workload back to its own ReplicaSet. */
export const RESTARTED_AT_ANNOTATION = `${GROUP}/restarted-at`;

export const FINALIZER = `${GROUP}/cleanup`;

/** On heartbeat Leases: the session they keep alive. */
export const SESSION_LABEL = `${GROUP}/session`;
/** On claim Leases in the operator's namespace: says that the object is a claim on an original queue. */
export const CLAIM_LABEL = `${GROUP}/claim`;
/** On Leases in the operator's namespace that remember what was made for a split. */
export const MEMORY_LABEL = `${GROUP}/memory`;
/** On both of these: `namespace/name` of the split; for people, and to look whether it lives. */
export const HOLDER_ANNOTATION = `${GROUP}/holder`;
/** On claims: the original queue, for people. */
export const QUEUE_ANNOTATION = `${GROUP}/queue`;
/** On memories: what was made, as text. */
export const MEMORY_ANNOTATION = `${GROUP}/memory`;

/** On a MirrordSqsSession that we made: it shows a session. */
export const PROJECTED_LABEL = `${GROUP}/projected`;
/** On a session that was made from somebody's MirrordSqsSession: the uid of that. */
export const ADOPTED_ANNOTATION = `${GROUP}/adopted-from`;

/** On Leases of forwarder replicas in the operator's namespace. */
export const FORWARDER_LABEL = `${GROUP}/forwarder`;

/** Name of the chart's MutatingWebhookConfiguration; the chart owns the object, the controller its entries. */
export const WEBHOOK_CONFIGURATION_NAME = 'queue-splitter';
/** Each entry of that configuration is named `<split uid>.split.queuesplitter.dev`. */
export const WEBHOOK_ENTRY_SUFFIX = `split.${GROUP}`;

/** Tags that mark a temporary SQS queue as ours: cluster uid and split uid. Deleting needs both to fit. */
export const CLUSTER_TAG = `${GROUP}/cluster`;
export const SPLIT_TAG = `${GROUP}/split`;
/** Where the messages of a temporary SQS queue came from; for the sweep, when nothing else remembers it. */
export const ORIGINAL_TAG = `${GROUP}/original`;
