// The lag as the forwarders themselves show it: queue_splitter_lag_messages of their /metrics, summed over partitions and replicas.

import { OPERATOR_NAMESPACE } from './installation.ts';
import type { Stage } from './stage.ts';

/** Messages that wait in one queue. `session` is empty unless the role is session. */
export type Lag = { kind: string; queue: string; role: string; session: string; messages: number };

const METRICS_PORT = 9090;
const FORWARDERS = 'app.kubernetes.io/name=queue-splitter,app.kubernetes.io/component=forwarder';
const SAMPLE = /^queue_splitter_lag_messages\{(?<labels>.*)\} (?<value>\S+)$/gm;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

export async function readLag(stage: Stage): Promise<Lag[]> {
  const output = 'jsonpath={.items[?(@.status.phase=="Running")].metadata.name}';
  const pods = await stage.cluster.kubectl(['get', 'pods', '-n', OPERATOR_NAMESPACE, '-l', FORWARDERS, '-o', output]);
  const pages = await Promise.all(
    pods
      .split(' ')
      .filter((name) => name !== '')
      .map((name) => {
        const path = `/api/v1/namespaces/${OPERATOR_NAMESPACE}/pods/${name}:${METRICS_PORT}/proxy/metrics`;
        return stage.cluster.kubectl(['get', '--raw', path]);
      }),
  );
  return sumLag(pages.join('\n'));
}

/** Pure: the text of metrics pages → one entry for each queue. */
export function sumLag(text: string): Lag[] {
  const found = new Map<string, Lag>();
  for (const { groups } of text.matchAll(SAMPLE)) {
    const labels = Object.fromEntries(
      [...(groups?.['labels'] ?? '').matchAll(LABEL)].map(([, name, value]) => [name, value]),
    );
    const { queue_type: kind = '', queue = '', role = '', session = '' } = labels as Record<string, string | undefined>;
    const key = JSON.stringify([kind, queue, role, session]);
    const known = found.get(key) ?? { kind, queue, role, session, messages: 0 };
    found.set(key, { ...known, messages: known.messages + Number(groups?.['value']) });
  }
  return [...found.values()];
}
