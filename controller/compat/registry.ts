// MirrordWorkloadQueueRegistry → domain model. Pure.
import { describeIssues } from '../../api/kinds/issues.ts';
import {
  type RegistryQueue,
  type WorkloadQueueRegistry,
  workloadQueueRegistrySpec,
} from '../../api/kinds/workload-queue-registry.ts';
import type { NameSource } from '../../common/env/sources.ts';
import { SplitterError } from '../../common/errors.ts';
import type { DeclaredTarget, SplitQueueDeclaration, TargetDeclarations, UnsupportedDeclaration } from './domain.ts';

/** mirrord's default. */
const RESTART_TIMEOUT_SECONDS = 120;

export const namesTarget = ({ spec }: WorkloadQueueRegistry, target: DeclaredTarget): boolean =>
  spec.consumer.workloadType === target.kind && spec.consumer.name === target.name;

/** @throws SplitterError `InvalidConfig` naming the field; the API server does not check objects that are older than its schema. */
export function fromRegistry(registry: WorkloadQueueRegistry): TargetDeclarations {
  const declaredIn = `MirrordWorkloadQueueRegistry ${registry.metadata.namespace ?? ''}/${registry.metadata.name}`;
  const parsed = workloadQueueRegistrySpec.safeParse(registry.spec);
  if (!parsed.success) {
    throw new SplitterError('InvalidConfig', `${declaredIn}: ${describeIssues(parsed.error, ['spec'])}`);
  }
  const { queues, consumer, workloadRestartTimeout } = parsed.data;
  const declarations: SplitQueueDeclaration[] = [];
  const unsupported: UnsupportedDeclaration[] = [];
  for (const [id, queue] of Object.entries(queues)) {
    const reason = unsupportedReason(queue);
    if (reason !== undefined) {
      unsupported.push({ id, kind: queue.queueType, declaredIn, reason });
      continue;
    }
    declarations.push({
      id,
      kind: 'SQS',
      declaredIn,
      nameSources: [nameSource(queue, consumer.container ?? undefined)],
      groupIdSources: [],
      tags: queue.tags ?? {},
      restartTimeoutSeconds: workloadRestartTimeout ?? RESTART_TIMEOUT_SECONDS,
    });
  }
  return { declarations, unsupported };
}

/** Reading only the outer attributes of an SNS envelope would send messages to the wrong reader, so it is refused by name. */
function unsupportedReason(queue: RegistryQueue): string | undefined {
  if (queue.queueType !== 'SQS') {
    return `queues of type ${queue.queueType} are not supported; a registry can declare SQS queues`;
  }
  if (queue.sns) return 'sns: true is not supported yet: filters do not see the attributes inside SNS envelopes';
  return undefined;
}

function nameSource(queue: RegistryQueue, container: string | undefined): NameSource {
  const { envVar = '', regexPattern } = queue.nameSource ?? {};
  return {
    match: regexPattern === undefined ? { variable: envVar } : { pattern: regexPattern },
    jsonMap: queue.namesFromJsonMap ?? false,
    ...(container === undefined ? {} : { container }),
    ...(queue.fallbackName ? { defaultValue: queue.fallbackName } : {}),
  };
}
