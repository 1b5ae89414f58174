// No type of action is forgotten by the tests in which controllers die.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Action } from '../../../../controller/decide/observed.ts';
import { deathsIn } from '../../../cluster/stage/deaths.ts';

/** A new type does not compile until it is here, and then needs deaths of its own. */
const ACTIONS: Record<Action['type'], true> = {
  AddSessionFinalizer: true,
  FailSession: true,
  DeleteSession: true,
  ReleaseSession: true,
  CreateSplit: true,
  WriteSpec: true,
  CreateResources: true,
  GrowTopics: true,
  DeleteResources: true,
  RecordStartOffsets: true,
  SyncWebhook: true,
  RestartTarget: true,
  RemoveRestartAnnotation: true,
  EvictPod: true,
  FenceProducers: true,
  RewindGroups: true,
  ReturnOwnRecords: true,
  HandOver: true,
  ReleaseSplit: true,
};

/** It writes nothing down, and is done again until nothing is too small; the model kills controllers around it. */
const NOT_KILLED_AT: readonly string[] = ['GrowTopics'];

it('controllers die before and after each type of action', () => {
  const happenings = ['life', 'refusal', 'replacement', 'loss', 'handOver'] as const;
  const points = new Set(happenings.flatMap((happening) => deathsIn(happening, ['SQS', 'Kafka'])));
  const expected = Object.keys(ACTIONS)
    .filter((type) => !NOT_KILLED_AT.includes(type))
    .flatMap((type) => [`controller.before-${type}`, `controller.after-${type}`]);
  assert.deepEqual([...points].sort(), expected.sort());
});

it('where there is no Kafka, only its own actions are left out', () => {
  const left = deathsIn('loss', ['SQS']);
  assert.deepEqual(left, ['controller.before-WriteSpec', 'controller.after-WriteSpec']);
});
