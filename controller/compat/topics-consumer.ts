// MirrordKafkaTopicsConsumer → domain model. Pure.
import { describeIssues } from '../../api/kinds/issues.ts';
import {
  type EnvironmentSource,
  type KafkaTopicsConsumer,
  kafkaTopicsConsumerSpec,
} from '../../api/kinds/kafka-topics-consumer.ts';
import type { NameSource } from '../../common/env/sources.ts';
import { SplitterError } from '../../common/errors.ts';
import type { DeclaredTarget, SplitQueueDeclaration, TargetDeclarations, UnsupportedDeclaration } from './domain.ts';

/** mirrord's default. */
const RESTART_TIMEOUT_SECONDS = 60;

const STREAMS =
  'Kafka Streams applications (applicationIdSources) are not supported: their internal topics and state depend on the names that a split changes';

/** API versions are not compared: they change when clusters are upgraded, and no two kinds of workloads share a name here. */
export const namesTarget = ({ spec }: KafkaTopicsConsumer, target: DeclaredTarget): boolean =>
  spec.consumerKind === target.kind && spec.consumerName === target.name;

/** @throws SplitterError `InvalidConfig` naming the field. */
export function fromTopicsConsumer(consumer: KafkaTopicsConsumer): TargetDeclarations {
  const declaredIn = `MirrordKafkaTopicsConsumer ${consumer.metadata.namespace ?? ''}/${consumer.metadata.name}`;
  const parsed = kafkaTopicsConsumerSpec.safeParse(consumer.spec);
  if (!parsed.success) {
    throw new SplitterError('InvalidConfig', `${declaredIn}: ${describeIssues(parsed.error, ['spec'])}`);
  }
  const { topics, consumerRestartTimeout, splitTtl } = parsed.data;
  const declarations: SplitQueueDeclaration[] = [];
  const unsupported: UnsupportedDeclaration[] = [];
  for (const { id, clientConfig, nameSources, groupIdSources } of topics) {
    if (groupIdSources === undefined) {
      unsupported.push({ id, kind: 'Kafka', declaredIn, reason: STREAMS });
      continue;
    }
    declarations.push({
      id,
      kind: 'Kafka',
      declaredIn,
      nameSources: nameSources.map(nameSource),
      groupIdSources: groupIdSources.map(nameSource),
      tags: {},
      clientConfig,
      restartTimeoutSeconds: consumerRestartTimeout ?? RESTART_TIMEOUT_SECONDS,
      ...(splitTtl === null || splitTtl === undefined ? {} : { ttlSeconds: splitTtl }),
    });
  }
  return { declarations, unsupported };
}

function nameSource({ directEnvVar }: EnvironmentSource): NameSource {
  const { container, variable, name, fallback } = directEnvVar;
  return {
    container,
    match: { variable: variable ?? name ?? '' },
    jsonMap: false,
    ...(fallback ? { defaultValue: fallback } : {}),
  };
}
