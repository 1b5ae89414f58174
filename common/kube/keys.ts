// How caches and queues name an object: `namespace/name`, or `name` for cluster-scoped ones. Strings, so that equal means same.
import type { ObjectName } from './types.ts';

export function objectKey(object: ObjectName): string {
  return object.namespace === undefined ? object.name : `${object.namespace}/${object.name}`;
}

export function parseKey(key: string): ObjectName {
  const slash = key.indexOf('/');
  return slash === -1 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

export function nameOf({ metadata: { name, namespace } }: { metadata: ObjectName }): ObjectName {
  return namespace === undefined ? { name } : { name, namespace };
}
