// `qsplit status`: the sessions and splits of a namespace or of the cluster, once or until Ctrl-C. Reads only.
import type { SplitSession } from '../../api/kinds/split-session.ts';
import type { WorkloadSplit } from '../../api/kinds/workload-split.ts';
import { pause } from '../../common/clock.ts';
import { SplitterError, toSplitterError } from '../../common/errors.ts';
import { SPLIT_SESSIONS, WORKLOAD_SPLITS } from '../../common/kube/resources.ts';
import type { KubeClient, KubeObject, Resource } from '../../common/kube/types.ts';
import { formatDuration } from '../duration.ts';
import { EXIT } from '../exit-codes.ts';
import type { ClusterOptions } from '../kubeconfig.ts';
import { type OutputFormat, type Reporter, table } from '../output.ts';
import { describeFilter } from '../progress.ts';
import type { Shell } from '../shell.ts';
import { targetPath } from '../target.ts';

export type StatusOptions = ClusterOptions & {
  namespace?: string;
  allNamespaces: boolean;
  /** Again and again, whenever something has changed. */
  watch: boolean;
  output: OutputFormat;
};

const LOOK_MS = 2_000;
/** Cursor to the top, and everything below it gone. */
const CLEAR_SCREEN = '\u001b[H\u001b[J';

type ClusterState = { sessions: SplitSession[]; splits: WorkloadSplit[] };

export async function status(options: StatusOptions, shell: Shell, reporter: Reporter): Promise<number> {
  const cluster = await shell.connect(options);
  try {
    const { client } = cluster;
    const namespace = options.allNamespaces ? undefined : (options.namespace ?? cluster.namespace ?? 'default');
    const describe = (state: ClusterState | undefined) =>
      // One line for each change is what a program reads.
      options.watch && options.output === 'json'
        ? stateJson(state)
        : render(state, namespace, options.output, new Date(shell.clock.now()));
    const show = (state: ClusterState | undefined, clear = '') => shell.stdout.write(`${clear}${describe(state)}\n`);
    if (options.watch) await watchState(client, namespace, show, options, shell, reporter);
    else show(await readState(client, namespace));
    return EXIT.ok;
  } finally {
    await cluster.close();
  }
}

/** A terminal is drawn anew, ages included; elsewhere only what has changed is written. An API server that is away is waited for. */
async function watchState(
  client: KubeClient,
  namespace: string | undefined,
  show: (state: ClusterState | undefined, clear?: string) => void,
  { output }: StatusOptions,
  shell: Shell,
  reporter: Reporter,
): Promise<void> {
  const stop = new AbortController();
  shell.signals.route(() => stop.abort());
  const redraws = shell.stdout.isTTY === true && output !== 'json';
  let shown: string | undefined;
  let away = false;
  while (!stop.signal.aborted) {
    try {
      const state = await readState(client, namespace);
      const version = versionOf(state);
      if (redraws || version !== shown) show(state, redraws ? CLEAR_SCREEN : '');
      shown = version;
      away = false;
    } catch (error) {
      const refusal = toSplitterError(error);
      if (!refusal.retryable) throw error;
      if (!away) reporter.say({ event: 'unreachable', level: 'warning', message: refusal.message });
      away = true;
    }
    await pause(shell.clock, LOOK_MS, stop.signal);
  }
}

/** Other with every change of an object. */
function versionOf(state: ClusterState | undefined): string {
  const objects: readonly KubeObject[] = [...(state?.sessions ?? []), ...(state?.splits ?? [])];
  return `${state !== undefined} ${objects.map(({ metadata }) => `${metadata.uid}/${metadata.resourceVersion}`).join(' ')}`;
}

/** Undefined: this cluster does not know our resources. */
async function readState(client: KubeClient, namespace: string | undefined): Promise<ClusterState | undefined> {
  // One after the other, so that who may read neither is always told of the same.
  const sessions = await listUnlessUnknown<SplitSession>(client, SPLIT_SESSIONS, namespace);
  const splits = await listUnlessUnknown<WorkloadSplit>(client, WORKLOAD_SPLITS, namespace);
  return sessions === undefined || splits === undefined ? undefined : { sessions, splits };
}

async function listUnlessUnknown<T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  namespace: string | undefined,
): Promise<T[] | undefined> {
  try {
    const { items } = await client.list<T>(resource, namespace === undefined ? {} : { namespace });
    return items;
  } catch (error) {
    if (!(error instanceof SplitterError)) throw error;
    if (error.details['status'] === 404) return undefined;
    if (error.code !== 'PermissionDenied' || namespace !== undefined) throw error;
    throw new SplitterError(error.code, error.message, {
      cause: error,
      details: { ...error.details, hint: 'leave out -A, and name a namespace in which you may look with -n' },
    });
  }
}

/** Pure. `now` is for ages. */
export function render(
  state: ClusterState | undefined,
  namespace: string | undefined,
  output: OutputFormat,
  now: Date,
): string {
  if (output === 'json') return stateJson(state, 2);
  const where = namespace === undefined ? 'this cluster' : `namespace ${namespace}`;
  if (state === undefined) {
    return 'queue-splitter is not installed in this cluster: it has no SplitSession resource. Install the chart (see README, "I have a cluster").';
  }
  if (state.sessions.length === 0 && state.splits.length === 0) {
    const elsewhere = namespace === undefined ? '' : ' (qsplit status -A looks everywhere)';
    return `No queue is split in ${where}, and there is no session${elsewhere}.`;
  }
  const wide = output === 'wide';
  return [
    ...(state.sessions.length > 0 ? ['SESSIONS', sessionTable(state.sessions, wide, now)] : []),
    ...(state.splits.length > 0 ? ['SPLITS', splitTable(state.splits, wide, now)] : []),
  ].join('\n');
}

function stateJson(state: ClusterState | undefined, indent?: number): string {
  return JSON.stringify({ installed: state !== undefined, sessions: [], splits: [], ...state }, undefined, indent);
}

function sessionTable(sessions: readonly SplitSession[], wide: boolean, now: Date): string {
  const header = ['NAMESPACE', 'NAME', 'TARGET', 'PHASE', 'AGE', 'QUEUES', ...(wide ? ['KEY'] : []), 'MESSAGE'];
  const rows = sessions.map(({ metadata, spec, status: current }) => [
    metadata.namespace ?? '',
    metadata.name,
    targetPath(spec.target),
    current?.phase ?? 'Pending',
    age(metadata.creationTimestamp, now),
    spec.queues.map(({ id, filter }) => (wide ? `${id} (${describeFilter(filter)})` : id)).join(', '),
    ...(wide ? [spec.sessionKey ?? ''] : []),
    current?.message ?? '',
  ]);
  return table(header, rows);
}

/** One line per queue, since each has its own names and its own state. */
function splitTable(splits: readonly WorkloadSplit[], wide: boolean, now: Date): string {
  const header = ['NAMESPACE', 'TARGET', 'PHASE', 'AGE', 'QUEUE', 'STATE', 'LEFT', 'SESSIONS', 'FORWARDER'];
  const wideHeader = ['ORIGINAL', 'FALLBACK', 'SESSION QUEUES'];
  const rows = splits.flatMap(({ metadata, spec, status: current }) => {
    const split = [metadata.namespace ?? '', targetPath(spec.target), spec.phase, age(metadata.creationTimestamp, now)];
    if (spec.queues.length === 0) return [[...split, '', '', '', '', '', ...(wide ? ['', '', ''] : [])]];
    return spec.queues.map((queue) => {
      const left = current?.remaining?.find(({ key }) => key === queue.key);
      return [
        ...split,
        `${queue.id} (${queue.kind})`,
        current?.forwarder?.queues.find(({ key }) => key === queue.key)?.state ?? '',
        left === undefined ? '' : String(left.messages),
        queue.routes.map((route) => (route.ending ? `${route.session} (ending)` : route.session)).join(', '),
        current?.forwarder?.holder ?? '',
        ...(wide
          ? [queue.original.name, queue.fallback.name, queue.routes.map((route) => route.destination.name).join(', ')]
          : []),
      ];
    });
  });
  return table(wide ? [...header, ...wideHeader] : header, rows);
}

function age(created: string | undefined, now: Date): string {
  return created === undefined ? '' : formatDuration(now.getTime() - Date.parse(created)).replace(/\.\d s$/, 's');
}
