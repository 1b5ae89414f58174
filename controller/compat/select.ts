// What a session asked for × what is declared → the queues that the session gets. Pure.
import type { QueueKind } from '../../api/kinds/common.ts';
import type { SessionQueue } from '../../api/kinds/split-session.ts';
import { SplitterError } from '../../common/errors.ts';
import type { SplitQueueDeclaration, TargetDeclarations } from './domain.ts';

const ALL = '*';

export type SelectedQueue = {
  declaration: SplitQueueDeclaration;
  filter: SessionQueue['filter'];
  mode: SessionQueue['mode'];
};

/**
 * An explicit entry wins over `*` of its kind, wherever it stands. In the order of the declarations.
 * @param container only queues whose name this container has; absent: of all containers. A queue that is selected is swapped in every
 * container that reads it.
 * @throws SplitterError `UnknownQueueId`, `UnsupportedQueueKind`, `NoQueuesFound`, `InvalidConfig`; unknown ids come with those that exist.
 */
export function selectQueues(
  wanted: readonly SessionQueue[],
  declared: TargetDeclarations,
  container?: string,
): SelectedQueue[] {
  const available = declared.declarations.filter((declaration) => concerns(declaration, container));
  const selected = new Map<SplitQueueDeclaration, SessionQueue>();
  for (const entry of wanted.filter(({ id }) => id !== ALL)) {
    const declaration = findExplicit(entry, available, declared, container);
    if (selected.has(declaration)) {
      throw new SplitterError('InvalidConfig', `The session asks twice for queue id ${entry.id}. Keep one of the two.`);
    }
    selected.set(declaration, entry);
  }
  for (const entry of wanted.filter(({ id }) => id === ALL)) {
    const ofKind = available.filter(({ kind }) => kind === entry.kind);
    if (ofKind.length === 0) throw nothingFound(entry.kind, available, container);
    for (const declaration of ofKind) if (!selected.has(declaration)) selected.set(declaration, entry);
  }
  return available.flatMap((declaration) => {
    const entry = selected.get(declaration);
    return entry === undefined ? [] : [{ declaration, filter: entry.filter, mode: entry.mode }];
  });
}

const concerns = ({ nameSources }: SplitQueueDeclaration, container: string | undefined): boolean =>
  container === undefined ||
  nameSources.some((source) => source.container === undefined || source.container === container);

function findExplicit(
  { id, kind }: SessionQueue,
  available: readonly SplitQueueDeclaration[],
  { unsupported }: TargetDeclarations,
  container: string | undefined,
): SplitQueueDeclaration {
  const found = available.find((declaration) => declaration.id === id);
  if (found?.kind === kind) return found;
  if (found !== undefined) {
    throw new SplitterError(
      'UnknownQueueId',
      `Queue id ${id} is declared as ${found.kind} in ${found.declaredIn}, but the session asks for ${kind}. Correct queue_type.`,
    );
  }
  const refused = unsupported.find((declaration) => declaration.id === id);
  if (refused !== undefined) {
    throw new SplitterError(
      'UnsupportedQueueKind',
      `Queue id ${id} (${refused.declaredIn}) cannot be split: ${refused.reason}.`,
    );
  }
  throw new SplitterError(
    'UnknownQueueId',
    `There is no queue id ${id}${inContainer(container)}; ${existing(available)}.`,
    {
      details: { ids: available.map((declaration) => declaration.id) },
    },
  );
}

const nothingFound = (
  kind: QueueKind,
  available: readonly SplitQueueDeclaration[],
  container: string | undefined,
): SplitterError =>
  new SplitterError(
    'NoQueuesFound',
    `The session asks for all ${kind} queues ("*"), but none is declared${inContainer(container)}; ${existing(available)}.`,
  );

const inContainer = (container: string | undefined): string =>
  container === undefined ? '' : ` for container ${container}`;

const existing = (available: readonly SplitQueueDeclaration[]): string =>
  available.length === 0
    ? 'no queue is declared'
    : `declared are ${available.map(({ id, kind }) => `${id} (${kind})`).join(', ')}`;
