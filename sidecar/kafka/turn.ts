// What one transaction writes: the records read, sorted by destination topic, each to the partition number it came from. Pure.

import type { KafkaRecord } from '../../common/kafka/wire/record-batch.ts';
import type { Output } from '../../common/kafka/wire/transactional-producer.ts';
import type { PartitionRead } from './reading.ts';
import type { Router } from './router.ts';

/** `session` is empty for the fallback. */
export type TurnDestination = { session: string; records: number; bytes: number };

export type Turn = {
  outputs: Output[];
  destinations: TurnDestination[];
  records: number;
  bytes: number;
  /** The newest record's own time, −1 = none. */
  newestTimestamp: bigint;
};

export function planTurn(reads: readonly PartitionRead[], router: Router): Turn {
  const destinations = new Map<string, TurnDestination>();
  const turn: Turn = { outputs: [], destinations: [], records: 0, bytes: 0, newestTimestamp: -1n };
  for (const { source, records } of reads) {
    const byTopic = new Map<string, KafkaRecord[]>();
    for (const { record, route } of router.route(records)) {
      const topic = route?.destination.name ?? router.fallback;
      const group = byTopic.get(topic);
      if (group === undefined) byTopic.set(topic, [record]);
      else group.push(record);
      count(destinations, turn, route?.session ?? '', record);
    }
    for (const [topic, output] of byTopic) turn.outputs.push({ topic, partition: source.partition, records: output });
  }
  turn.destinations = [...destinations.values()];
  return turn;
}

function count(destinations: Map<string, TurnDestination>, turn: Turn, session: string, record: KafkaRecord): void {
  const destination = destinations.get(session) ?? { session, records: 0, bytes: 0 };
  destinations.set(session, destination);
  destination.records += 1;
  destination.bytes += record.body.length;
  turn.records += 1;
  turn.bytes += record.body.length;
  if (record.timestamp > turn.newestTimestamp) turn.newestTimestamp = record.timestamp;
}
