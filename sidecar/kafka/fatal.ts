// What ends the ownership of a split at once: going on could take messages from their reader. Pure.
import { SplitterError } from '../../common/errors.ts';

const FATAL = ['Fenced', 'ForeignCommit', 'TopicRecreated'];

export function isFatal(error: SplitterError): boolean {
  return FATAL.includes(error.code);
}

/** Somebody moved the application's group while only the forwarder may (kafka-notes C2). */
export function foreignCommit(
  { topic, group }: { topic: string; group: string },
  partition: number,
  ours: bigint | undefined,
  found: bigint | undefined,
): SplitterError {
  return new SplitterError(
    'ForeignCommit',
    `somebody else changed the offset of group ${group} on topic ${topic}, partition ${partition}: ours was ${ours ?? 'none'}, now it is ${found ?? 'gone'}; stop that commit and end the split`,
  );
}
