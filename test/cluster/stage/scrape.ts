// The /metrics pages of our processes as a Prometheus would read them: every pod by its own address. Reads only.
import { OPERATOR_NAMESPACE } from './installation.ts';
import type { Stage } from './stage.ts';

export type Sample = { name: string; labels: Readonly<Record<string, string>>; value: number };
/** What one pod shows. */
export type Page = { pod: string; process: string; text: string; samples: Sample[] };

const METRICS_PORT = 9090;
const SAMPLE = /^(?<name>[a-z_:][a-z0-9_:]*)(?:\{(?<labels>.*)\})? (?<value>\S+)$/gim;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

type Pod = { metadata: { name: string; labels: Record<string, string> }; status: { podIP?: string } };

/** Of all pods of one process: controller, webhook or forwarder. */
export async function scrape(stage: Stage, process: string): Promise<Page[]> {
  const selector = `app.kubernetes.io/name=queue-splitter,app.kubernetes.io/component=${process}`;
  const { items } = await stage.cluster.kubectlJson<{ items: Pod[] }>([
    'get',
    'pods',
    '-n',
    OPERATOR_NAMESPACE,
    '-l',
    selector,
  ]);
  return await Promise.all(items.map((pod) => scrapePod(stage, process, pod)));
}

async function scrapePod(stage: Stage, process: string, { metadata, status }: Pod): Promise<Page> {
  const forward = await stage.cluster.forwardTo({ host: status.podIP ?? '', port: METRICS_PORT });
  try {
    const response = await fetch(`http://${forward.host}:${forward.port}/metrics`);
    const text = await response.text();
    if (!response.ok) throw new Error(`${metadata.name} answers ${response.status} for /metrics: ${text}`);
    return { pod: metadata.name, process, text, samples: parseSamples(text) };
  } finally {
    await forward.close();
  }
}

/** Pure: Prometheus' text format. */
export function parseSamples(text: string): Sample[] {
  return [...text.matchAll(SAMPLE)].map(({ groups }) => ({
    name: groups?.['name'] ?? '',
    labels: Object.fromEntries([...(groups?.['labels'] ?? '').matchAll(LABEL)].map(([, name, value]) => [name, value])),
    value: Number(groups?.['value']),
  }));
}

/** The samples of our metric (without the prefix) whose labels are as given. */
export function select(pages: readonly Page[], name: string, labels: Readonly<Record<string, string>> = {}): Sample[] {
  const wanted = Object.entries(labels);
  return pages
    .flatMap(({ samples }) => samples)
    .filter(
      (sample) =>
        sample.name === `queue_splitter_${name}` && wanted.every(([key, value]) => sample.labels[key] === value),
    );
}

export function sum(pages: readonly Page[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  return select(pages, name, labels).reduce((total, { value }) => total + value, 0);
}
