// `qsplit exec`: makes a session, waits until it is Ready, runs the command with the session's environment, and puts everything back.
// Whatever happens after the session was made, it is deleted before this returns.
import type { SplitSession } from '../../api/kinds/split-session.ts';
import type { WorkloadSplit } from '../../api/kinds/workload-split.ts';
import { SplitterError, toSplitterError } from '../../common/errors.ts';
import { WORKLOAD_SPLITS } from '../../common/kube/resources.ts';
import type { KubeClient } from '../../common/kube/types.ts';
import { splitName } from '../../common/naming/kubernetes.ts';
import { type RequestOptions, readRequest, type SessionRequest } from '../config.ts';
import { confirm } from '../confirm.ts';
import { formatDuration } from '../duration.ts';
import { findExecutable } from '../executable.ts';
import type { Reporter } from '../output.ts';
import { afterwards, overlapNotes } from '../overlap.ts';
import { checkSessionQueues, preflight } from '../preflight.ts';
import { readyLines } from '../progress.ts';
import { runCommand } from '../run-command.ts';
import { sessionName } from '../session/create.ts';
import { selectEnvironment } from '../session/environment.ts';
import { LiveSession } from '../session/live.ts';
import { ending, sessionEvents } from '../session/sentences.ts';
import type { Shell } from '../shell.ts';
import { describeRestart, lookAhead, targetPath } from '../target.ts';
import { type Invocation, mirrordConfig, mirrordMissing, withMirrord } from '../via-mirrord.ts';

export type ExecOptions = RequestOptions & {
  /** Do not ask before pods restart. */
  yes: boolean;
  /** May the question be asked at all? Not with JSON output. */
  mayAsk: boolean;
  /** From the session's creation to Ready. */
  timeoutMs: number;
  /** From the command's end to the end of the route. */
  endTimeoutMs: number;
  /** Without a heartbeat for so long the controller ends the session. */
  heartbeatSeconds: number;
  via?: 'mirrord';
  skipPreflight: boolean;
  invocation: Invocation;
};

type Run = {
  options: ExecOptions;
  request: SessionRequest;
  namespace: string;
  client: KubeClient;
  /** Name of the kubeconfig's context. */
  context: string;
  shell: Shell;
  reporter: Reporter;
  /** Aborted by a signal, or when the time to become Ready is over. */
  stop: AbortController;
  /** Aborted by a second signal while the session is being made. */
  force: AbortController;
};

/** @returns the exit code: the command's, 128+n, or ours. Errors of ours before the command began are thrown. */
export async function exec(options: ExecOptions, shell: Shell, reporter: Reporter): Promise<number> {
  const stop = new AbortController();
  const force = new AbortController();
  shell.signals.route((signal) => {
    const reason = new SplitterError('Interrupted', `Stopped by ${signal}`, { details: { signal } });
    if (stop.signal.aborted) force.abort(reason);
    else stop.abort(reason);
  });
  await requireCommand(options, shell);
  const request = await readRequest(options, shell);
  const { ignored, unknown } = request;
  if (ignored.length > 0) {
    const message = `Not used of the configuration file${options.via ? ' by qsplit' : ''}: ${ignored.join(', ')}`;
    reporter.say({ event: 'ignored', level: 'info', message, facts: { ignored } });
  }
  if (unknown.length > 0) {
    const message = `The configuration file has fields that nobody knows: ${unknown.join(', ')}`;
    reporter.say({ event: 'unknown', level: 'warning', message, facts: { unknown } });
  }
  const cluster = await untilStopped(stop.signal, shell.connect(request.cluster));
  try {
    const namespace = request.namespace ?? cluster.namespace ?? 'default';
    const { client, context } = cluster;
    const run: Run = { options, request, namespace, client, context, shell, reporter, stop, force };
    await untilStopped(stop.signal, checkThisMachine(run));
    await askForRestart(run);
    stop.signal.throwIfAborted();
    return await withSession(run);
  } finally {
    await cluster.close();
  }
}

async function requireCommand({ via, invocation }: ExecOptions, shell: Shell): Promise<void> {
  const found = await findExecutable(via ?? invocation.command, shell);
  if (found === 'found') return;
  if (via !== undefined) throw mirrordMissing();
  throw found === 'missing' ? commandError('ENOENT', invocation.command) : commandError('EACCES', invocation.command);
}

function commandError(errno: string, command: string): SplitterError {
  const [what, hint] =
    errno === 'ENOENT'
      ? ['is not there', 'it is neither a program in PATH nor a file; look for a typing error']
      : ['is not executable', `chmod +x ${command}, or write the interpreter in front of it`];
  return new SplitterError('InvalidConfig', `The command ${command} ${what}`, { details: { errno, hint } });
}

async function checkThisMachine({ options, request, shell, reporter }: Run): Promise<void> {
  if (options.skipPreflight || options.via !== undefined) return;
  const kinds = new Set(request.queues.map(({ kind }) => kind));
  const { checked, unknown } = await preflight(kinds, shell.environment, shell.probes);
  for (const message of checked) reporter.say({ event: 'preflight', level: 'done', message });
  for (const message of unknown) reporter.say({ event: 'preflight', level: 'info', message });
}

/** `Interrupted` when the answer is no, or nobody can be asked. */
async function askForRestart(run: Run): Promise<void> {
  const { options, request, namespace, client, context, shell, reporter, stop } = run;
  const outlook = await untilStopped(stop.signal, lookAhead(client, namespace, request.target, request.queues));
  const message = describeRestart(outlook, request.target, `namespace ${namespace} of ${context}`);
  const { restart, pods } = outlook;
  reporter.say({ event: 'restart', level: 'info', message, facts: { restart, pods, namespace, context } });
  if (restart === 'none' || options.yes) return;
  if (!options.mayAsk || shell.stdin.isTTY !== true || shell.stderr.isTTY !== true) {
    throw new SplitterError('Interrupted', 'Nobody can be asked whether the pods may restart, so nothing was started', {
      details: { hint: 'say --yes' },
    });
  }
  const terminal = { input: shell.stdin, output: shell.stderr };
  if (await confirm('qsplit ? Go on?', terminal, stop.signal)) return;
  throw new SplitterError('Interrupted', 'Nothing was started');
}

async function withSession(run: Run): Promise<number> {
  const { options, request, namespace, client, shell, reporter, stop, force } = run;
  const name = sessionName(request.key, (count) => shell.randomBytes(count));
  const startedAt = shell.clock.monotonic();
  const opening = LiveSession.open({
    client,
    clock: shell.clock,
    holder: `qsplit:${shell.user}@${shell.host}`,
    plan: {
      name,
      namespace,
      target: request.target,
      queues: request.queues,
      sessionKey: request.key,
      heartbeatSeconds: options.heartbeatSeconds,
    },
    events: sessionEvents(reporter, name),
  });
  const session = await untilStopped(force.signal, opening).catch((error: unknown) => {
    if (!force.signal.aborted) throw error;
    const left = `it left before the API server had said whether there is a session ${name}`;
    throw new SplitterError('Interrupted', `${toSplitterError(error).message}; ${left}`, {
      details: {
        ...toSplitterError(error).details,
        hint: `if there is, it ends by itself in ${options.heartbeatSeconds} s`,
      },
    });
  });
  try {
    const target = targetPath(request.target);
    reporter.say({
      event: 'created',
      level: 'done',
      message: `Session ${name} of ${target} in namespace ${namespace}`,
      facts: { session: name, namespace, target },
    });
    const environment = await becomeReady(run, session, startedAt);
    const command = { environment, session, shell, reporter, readSplit: () => readSplit(run) };
    const launch = async (invocation: Invocation) => {
      stop.signal.throwIfAborted();
      return await runCommand({ ...command, invocation });
    };
    if (options.via === undefined) return await launch(options.invocation);
    return await aroundMirrord(run, environment, launch);
  } finally {
    await putBack(run, session);
    stop.abort();
  }
}

/** Waits until Ready, looks whether the command will reach its queues, and says what the developer has now. */
async function becomeReady(run: Run, session: LiveSession, startedAt: number): Promise<Record<string, string>> {
  const { options, request, shell, reporter, stop } = run;
  const cancel = shell.clock.after(options.timeoutMs, () => {
    const at = session.view?.status?.message ?? 'the controller has not said anything about it: is it running?';
    const limit = formatDuration(options.timeoutMs);
    stop.abort(
      new SplitterError('Interrupted', `The session was not Ready within ${limit}; it was at: ${at}`, {
        details: {
          hint: 'give it more time with --timeout, or see kubectl describe splitsession and the controller’s log',
        },
      }),
    );
  });
  let ready: SplitSession;
  try {
    ready = await session.ready(stop.signal);
  } finally {
    cancel();
  }
  const environment = selectEnvironment(
    ready.status?.environment ?? [],
    request.target.container,
    targetPath(request.target),
  );
  if (options.via === undefined && !options.skipPreflight) {
    await untilStopped(stop.signal, checkSessionQueues(ready.status?.queues ?? [], shell.probes));
  }
  const took = shell.clock.monotonic() - startedAt;
  reporter.say({
    event: 'ready',
    level: 'done',
    message: `Ready after ${formatDuration(took)}`,
    more: readyLines(ready, environment),
    facts: { session: ready.metadata.name, tookMs: Math.round(took), queues: ready.status?.queues ?? [], environment },
  });
  for (const message of overlapNotes(await readSplit(run), ready)) {
    reporter.say({ event: 'overlap', level: 'info', message, facts: { session: ready.metadata.name } });
  }
  return environment;
}

function aroundMirrord(
  { options, request, namespace }: Run,
  variables: Record<string, string>,
  use: (invocation: Invocation) => Promise<number>,
): Promise<number> {
  const { container } = request.target;
  const config = mirrordConfig(
    request.content,
    {
      path: `${targetPath(request.target)}${container === undefined ? '' : `/container/${container}`}`,
      namespace,
      ...request.cluster,
    },
    variables,
  );
  return withMirrord(config, options.invocation, use);
}

/** The end that every path takes. A signal here means "do not wait": the session is deleted, and the controller goes on without us. */
async function putBack(run: Run, session: LiveSession): Promise<void> {
  const { options, shell, reporter } = run;
  let leave = new AbortController();
  shell.signals.route(() => leave.abort());
  const { name } = session.reference;
  reporter.say({ event: 'ending', level: 'doing', message: `Ending session ${name}`, facts: { session: name } });
  const split = await Promise.race([readSplit(run), aborted(leave.signal)]);
  // The end has to be asked for before anybody can leave.
  leave = new AbortController();
  const { view } = session;
  const hadQueues = view === undefined || view.status?.queues !== undefined;
  const startedAt = shell.clock.monotonic();
  const result = await session.end(options.endTimeoutMs, leave.signal);
  const took = formatDuration(shell.clock.monotonic() - startedAt);
  const next = hadQueues ? afterwards(split, name) : undefined;
  reporter.say(ending(result, name, took, { afterwards: next, heartbeatSeconds: options.heartbeatSeconds }));
}

/** Only for sentences: whoever may not read splits does without them. */
async function readSplit({ client, namespace, request }: Run): Promise<WorkloadSplit | undefined> {
  try {
    return await client.get<WorkloadSplit>(WORKLOAD_SPLITS, { name: splitName(request.target), namespace });
  } catch {
    return undefined;
  }
}

/** The work's result, or the reason of `signal` when that comes first; the work's own end is then of no interest. */
async function untilStopped<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const stopped = aborted(signal).then((): never => {
    throw signal.reason;
  });
  return Promise.race([work, stopped]);
}

function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }));
}
