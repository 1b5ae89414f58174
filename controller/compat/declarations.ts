// All resources of a namespace that speak of one target → one list of declarations. Pure.
import type { KafkaTopicsConsumer } from '../../api/kinds/kafka-topics-consumer.ts';
import type { WorkloadQueueRegistry } from '../../api/kinds/workload-queue-registry.ts';
import { SplitterError } from '../../common/errors.ts';
import type { DeclaredTarget, TargetDeclarations } from './domain.ts';
import * as registries from './registry.ts';
import * as topicsConsumers from './topics-consumer.ts';

/** Everything of the target's namespace, of whatever target. */
export type Resources = {
  registries: readonly WorkloadQueueRegistry[];
  topicsConsumers: readonly KafkaTopicsConsumer[];
};

/**
 * Several resources for one target are merged.
 * @throws SplitterError `RegistryMissing` (none speaks of the target; the message lists the targets that are declared),
 * `InvalidConfig` (a resource is broken, or two declare the same id).
 */
export function declarationsFor(target: DeclaredTarget, resources: Resources): TargetDeclarations {
  const ofTarget = [
    ...resources.registries.filter((one) => registries.namesTarget(one, target)).map(registries.fromRegistry),
    ...resources.topicsConsumers
      .filter((one) => topicsConsumers.namesTarget(one, target))
      .map(topicsConsumers.fromTopicsConsumer),
  ];
  if (ofTarget.length === 0) throw registryMissing(target, resources);
  const merged = {
    declarations: ofTarget.flatMap(({ declarations }) => declarations),
    unsupported: ofTarget.flatMap(({ unsupported }) => unsupported),
  };
  refuseDuplicates(target, merged);
  return merged;
}

function refuseDuplicates(target: DeclaredTarget, { declarations, unsupported }: TargetDeclarations): void {
  const declaredIn = new Map<string, string>();
  for (const declaration of [...declarations, ...unsupported]) {
    const earlier = declaredIn.get(declaration.id);
    if (earlier !== undefined) {
      throw new SplitterError(
        'InvalidConfig',
        `The queue id ${declaration.id} of ${target.kind} ${target.name} is declared twice, in ${earlier} and in ${declaration.declaredIn}. Rename one of them.`,
      );
    }
    declaredIn.set(declaration.id, declaration.declaredIn);
  }
}

function registryMissing(target: DeclaredTarget, resources: Resources): SplitterError {
  const declared = [
    ...resources.registries.map(({ spec }) => `${spec.consumer.workloadType} ${spec.consumer.name}`),
    ...resources.topicsConsumers.map(({ spec }) => `${spec.consumerKind} ${spec.consumerName}`),
  ];
  const others =
    declared.length === 0
      ? 'nothing is declared in this namespace'
      : `declared are ${[...new Set(declared)].join(', ')}`;
  return new SplitterError(
    'RegistryMissing',
    `No MirrordWorkloadQueueRegistry or MirrordKafkaTopicsConsumer says which queues ${target.kind} ${target.name} reads; ${others}. Create one in the namespace of the workload.`,
  );
}
