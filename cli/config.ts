// What the developer asks for: mirrord.json and the options that override it, as one request.
import { readFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { SplitterError } from '../common/errors.ts';
import { type MirrordConfig, parseMirrordConfig } from '../common/mirrord-config/parse.ts';
import { parseTarget, type Target } from '../common/mirrord-config/target.ts';

export type SessionRequest = {
  target: Target;
  queues: MirrordConfig['queues'];
  /** Tells sessions apart for people: `--key`, the file's, or the user's name. */
  key: string;
  /** What the options and the file say; the context's namespace comes after it. */
  namespace: string | undefined;
  cluster: { kubeconfig?: string; context?: string };
  ignored: string[];
  unknown: string[];
  /** The file as data, for `--via mirrord`. */
  content: MirrordConfig['content'];
};

export type RequestOptions = {
  file?: string;
  target?: string;
  key?: string;
  namespace?: string;
  kubeconfig?: string;
  context?: string;
};

type RequestSource = { environment: NodeJS.ProcessEnv; workingDirectory: string; user: string };

/** mirrord's own default. */
const DEFAULT_FILE = '.mirrord/mirrord.json';

/** @throws SplitterError whatever the file has wrong, and `InvalidConfig` without a target or queues. */
export async function readRequest(options: RequestOptions, source: RequestSource): Promise<SessionRequest> {
  const path = resolve(source.workingDirectory, options.file ?? DEFAULT_FILE);
  const file = relative(source.workingDirectory, path) || path;
  const text = await readText(path, file);
  const parse = (key: string) =>
    parseMirrordConfig(text, file, { variables: { key, user: source.user }, environment: source.environment });
  const first = parse(options.key ?? source.user);
  const key = options.key ?? first.key ?? source.user;
  // The file may name its own key and mean it by {{ key }}: that is known only after it was read once.
  const config = key === (options.key ?? source.user) ? first : { ...parse(key), key };
  return requestOf(config, options, source.user, file);
}

/** Pure. Options go before the file. */
export function requestOf(config: MirrordConfig, options: RequestOptions, user: string, file: string): SessionRequest {
  const target = options.target === undefined ? config.target : parseTarget(options.target);
  if (target === undefined) {
    throw new SplitterError('InvalidConfig', `${file} names no target${unknownFields(config)}`, {
      details: { hint: 'add "target": "deployment/NAME" to it, or say --target deployment/NAME' },
    });
  }
  if (config.queues.length === 0) {
    throw new SplitterError(
      'InvalidConfig',
      `${file} asks for no queue: it has no feature.split_queues${unknownFields(config)}`,
      {
        details: {
          hint: 'add for example "feature": {"split_queues": {"orders": {"queue_type": "SQS", "message_filter": {"tenant": "^me$"}}}}',
        },
      },
    );
  }
  const kubeconfig = options.kubeconfig ?? config.kubeconfig;
  const context = options.context ?? config.context;
  return {
    target,
    queues: config.queues,
    key: options.key ?? config.key ?? user,
    namespace: options.namespace ?? config.namespace,
    cluster: { ...(kubeconfig === undefined ? {} : { kubeconfig }), ...(context === undefined ? {} : { context }) },
    ignored: config.ignored,
    unknown: config.unknown,
    content: config.content,
  };
}

/** The reason, more often than not. */
function unknownFields({ unknown }: MirrordConfig): string {
  return unknown.length === 0 ? '' : `; what it has and nobody knows: ${unknown.join(', ')}`;
}

async function readText(path: string, file: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const reason = error instanceof Error ? error.message : String(error);
    throw new SplitterError(
      'InvalidConfig',
      isMissing ? `There is no file ${file}` : `Cannot read ${file}: ${reason}`,
      {
        cause: error,
        details: { hint: 'name your mirrord.json: qsplit exec -f mirrord.json -- COMMAND' },
      },
    );
  }
}
