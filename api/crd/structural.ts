// zod schema → structural schema as `apiextensions.k8s.io/v1` wants it. Strict on purpose: whatever could surprise at install time
// (no description, no limit, a construct that is not structural) is an error here, with the path of the field.
// Rules: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
import { z } from 'zod';

/** A structural schema, in the words that we use. */
export type StructuralSchema = {
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  description?: string;
  nullable?: boolean;
  default?: unknown;
  enum?: unknown[];
  pattern?: string;
  format?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  minProperties?: number;
  maxProperties?: number;
  required?: string[];
  properties?: Record<string, StructuralSchema>;
  additionalProperties?: StructuralSchema;
  items?: StructuralSchema;
  anyOf?: { type: 'integer' | 'string' }[];
  [kubernetesKeyword: `x-kubernetes-${string}`]: unknown;
};

type JsonSchema = Record<string, unknown>;

/** Keywords that are copied as they are. Everything else must be handled below or is refused. */
const COPIED = [
  'type',
  'description',
  'nullable',
  'default',
  'enum',
  'pattern',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'required',
];
const HANDLED = new Set([...COPIED, 'properties', 'additionalProperties', 'items', 'anyOf', 'minimum', 'maximum']);

/** @throws Error naming the field when the schema cannot be expressed, lacks a description or has no limit. */
export function structuralSchema(schema: z.ZodType, path: string): StructuralSchema {
  // `input`: what users may write, so fields with defaults are not required.
  return convert(z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input', unrepresentable: 'throw' }), path);
}

function convert(json: JsonSchema, path: string): StructuralSchema {
  const schema = Object.fromEntries(
    Object.entries(json).filter(([key]) => COPIED.includes(key) || key.startsWith('x-kubernetes-')),
  ) as StructuralSchema;
  const strange = Object.keys(json).filter((key) => !HANDLED.has(key) && !key.startsWith('x-kubernetes-'));
  if (strange.length > 0) throw new Error(`${path}: ${strange.join(', ')} cannot be part of a structural schema`);

  if (json['anyOf'] !== undefined) Object.assign(schema, intOrString(json['anyOf'] as JsonSchema[], path));
  if (schema.type === 'integer') Object.assign(schema, integerBounds(json));
  if (schema.type === 'object') Object.assign(schema, objectFields(json, path));
  if (schema.type === 'array') schema.items = convert(json['items'] as JsonSchema, `${path}[]`);

  demandDescription(schema, path);
  demandLimit(schema, path);
  return schema;
}

/** The only union that a structural schema knows. Its text keeps its limit: value validations look at the type that is there. */
function intOrString(branches: JsonSchema[], path: string): Partial<StructuralSchema> {
  const text = branches.find((branch) => branch['type'] === 'string');
  const number = branches.find((branch) => branch['type'] === 'integer');
  if (branches.length !== 2 || text === undefined || number === undefined) {
    throw new Error(`${path}: of all unions, only text or whole number can be part of a structural schema`);
  }
  return {
    'x-kubernetes-int-or-string': true,
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    ...(text['maxLength'] === undefined ? {} : { maxLength: text['maxLength'] as number }),
  };
}

/** zod adds the limits of JavaScript's safe integers; they say nothing to a user. */
function integerBounds(json: JsonSchema): Partial<StructuralSchema> {
  const { minimum, maximum } = json as { minimum?: number; maximum?: number };
  return {
    format: 'int64',
    ...(minimum === undefined || minimum === Number.MIN_SAFE_INTEGER ? {} : { minimum }),
    ...(maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? {} : { maximum }),
  };
}

/** A record has `additionalProperties` with a schema; a loose object has an empty one and keeps what it does not know. */
function objectFields(json: JsonSchema, path: string): Partial<StructuralSchema> {
  const properties = json['properties'] as Record<string, JsonSchema> | undefined;
  const additional = json['additionalProperties'] as JsonSchema | boolean | undefined;
  if (properties === undefined) {
    if (typeof additional !== 'object') throw new Error(`${path}: an object needs fields`);
    return { additionalProperties: convert(additional, `${path}.*`) };
  }
  return {
    ...(typeof additional === 'object' ? { 'x-kubernetes-preserve-unknown-fields': true } : {}),
    properties: Object.fromEntries(
      Object.entries(properties).map(([key, value]) => [key, convert(value, `${path}.${key}`)]),
    ),
  };
}

function demandDescription(schema: StructuralSchema, path: string): void {
  if (schema.description === undefined && !path.endsWith('[]')) throw new Error(`${path}: has no description`);
}

/** Without limits, etcd's object size and the cost budget of CEL rules are at the mercy of whoever writes the object. */
function demandLimit(schema: StructuralSchema, path: string): void {
  const missing =
    (schema.type === 'string' && schema.enum === undefined && schema.maxLength === undefined && 'maxLength') ||
    (schema.type === 'array' && schema.maxItems === undefined && 'maxItems') ||
    (schema.additionalProperties !== undefined && schema.maxProperties === undefined && 'maxProperties');
  if (missing) throw new Error(`${path}: has no ${missing}`);
}
