// Events for people, on the session and on its target. Never a message body, never an environment value other than a queue name.
import type { ObjectMeta } from '../../api/kinds/common.ts';

export type Subject = { apiVersion: string; kind: string; metadata: Pick<ObjectMeta, 'name' | 'namespace' | 'uid'> };

/** Never rejects: an Event that cannot be written must not stop the work it tells about. */
export type Announce = (subject: Subject, type: 'Normal' | 'Warning', reason: string, message: string) => void;

/** Whom Events are about that no object of a user can carry: they are found in the operator's namespace. */
export function controllerOf({ operatorNamespace }: { operatorNamespace: string }): Subject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'queue-splitter-controller', namespace: operatorNamespace },
  };
}
