// Schema pieces that several kinds share: bounded strings, target references, conditions, filters. No kind lives here.
import { z } from 'zod';
import { maxProperties } from './keywords.ts';

/** Every list, map and string has a limit: CEL cost budgets and etcd's object size need it. */
export const LIMITS = {
  queues: 64,
  routesPerQueue: 64,
  attributesPerFilter: 32,
  attributeNameLength: 256,
  patternLength: 1024,
  environment: 128,
  resources: 1024,
  text: 2048,
  conditionMessage: 32768,
  column: 256,
} as const;

export const name = z.string().min(1).max(253).describe('Name of a Kubernetes object or container.');
export const text = z.string().max(LIMITS.text).describe('Text for people.');
/** What a column of `kubectl get` shows: such a column cannot list the items of an array. Never absent once written: `''` says nothing. */
export const column = z.string().max(LIMITS.column);
/** RFC 3339. */
export const time = z.string().max(64).describe('A time, RFC 3339.');
export const seconds = z.number().int().min(0).max(2_147_483_647);

export const QUEUE_KINDS = ['SQS', 'Kafka'] as const;
export const queueKind = z.enum(QUEUE_KINDS).describe('Kind of broker.');
export type QueueKind = z.infer<typeof queueKind>;

/** Attribute or header name → regular expression, searched, not anchored. All must match; an empty filter matches nothing. */
export const filter = z
  .record(
    z.string().min(1).max(LIMITS.attributeNameLength),
    z
      .string()
      .max(LIMITS.patternLength)
      .describe(
        'Regular expression in RE2 syntax; it is searched in the value, so anchor it with ^ and $ where needed.',
      ),
  )
  .refine((value) => Object.keys(value).length <= LIMITS.attributesPerFilter, {
    message: `at most ${LIMITS.attributesPerFilter} attributes`,
  })
  .meta({
    description:
      'Message attribute (SQS) or header (Kafka) name → regular expression for its value. All must match; an empty filter matches no message.',
    ...maxProperties(LIMITS.attributesPerFilter),
  });
export type Filter = z.infer<typeof filter>;

export const targetReference = z.object({
  apiVersion: z.string().min(1).max(128).describe('API version of the workload, for example apps/v1.'),
  kind: z
    .enum(['Deployment', 'StatefulSet', 'Rollout'])
    .describe('Kind of the workload. Only Deployments are split yet; sessions for the others are refused.'),
  name: name.describe('Name of the workload, in the same namespace.'),
});
export type TargetReference = z.infer<typeof targetReference>;

/** KEP-1623. */
export const condition = z.object({
  type: z.string().min(1).max(316).describe('What the condition is about.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  reason: z.string().min(1).max(1024).describe('The cause, in one word for machines.'),
  message: z.string().max(LIMITS.conditionMessage).describe('The cause, in a sentence for people.'),
  lastTransitionTime: time.describe('When the status last changed, RFC 3339.'),
  observedGeneration: z.number().int().min(0).optional().describe('The generation that this was said of.'),
});
export type Condition = z.infer<typeof condition>;

/** The part of Kubernetes' ObjectMeta that we read or write. */
export type ObjectMeta = {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
};

export type OwnerReference = { apiVersion: string; kind: string; name: string; uid: string; controller?: boolean };
