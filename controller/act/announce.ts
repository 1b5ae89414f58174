// Events for people, on the session and on its target. Never a message body, never an environment value other than a queue name.
import type { ObjectMeta } from '../../api/kinds/common.ts';

export type Subject = { apiVersion: string; kind: string; metadata: Pick<ObjectMeta, 'name' | 'namespace' | 'uid'> };

/** Never rejects: an Event that cannot be written must not stop the work it tells about. */
export type Announce = (subject: Subject, type: 'Normal' | 'Warning', reason: string, message: string) => void;
