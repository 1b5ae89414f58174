/**
 * A copy-fidelity oracle that is not ours: records as kcat (librdkafka) reads them, byte for byte, original against copies. It must never
 * use the client libraries that the product uses.
 */
/** Runs kcat and returns its standard output as `latin1`, one character for each byte, so that no byte is lost. */
export type KcatRunner = (args: readonly string[]) => Promise<string>;

export type KcatRecord = {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** `create` or `logappend`. */
  readonly timestampType: string;
  /** Milliseconds. */
  readonly timestamp: number;
  /** Base64; null for a record without one. */
  readonly key: string | null;
  /** Base64; null for a tombstone. */
  readonly value: string | null;
  /** Name, value, name, value, …, each in base64, in the order of the record. */
  readonly headers: readonly (string | null)[];
};

/** What kcat 1.7 writes with -J. It escapes control characters and quotes and passes all other bytes through as they are. */
type Envelope = {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly tstype: string;
  readonly ts: number;
  readonly headers?: readonly (string | null)[];
  readonly key: string | null;
  readonly payload: string | null;
};

function base64(latin1: string | null): string | null {
  return latin1 === null ? null : Buffer.from(latin1, 'latin1').toString('base64');
}

/** Throws on output that is not kcat's JSON. */
export function parseKcat(output: string): KcatRecord[] {
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { topic, partition, offset, tstype, ts, headers = [], key, payload } = JSON.parse(line) as Envelope;
      return {
        topic,
        partition,
        offset,
        timestampType: tstype,
        timestamp: ts,
        key: base64(key),
        value: base64(payload),
        headers: headers.map(base64),
      };
    });
}

/** The last `count` records of each partition that a read_committed reader sees, in the order of offsets. */
export async function lastRecords(
  runKcat: KcatRunner,
  brokers: string,
  topic: string,
  count: number,
): Promise<KcatRecord[]> {
  const output = await runKcat([
    ...['-C', '-b', brokers, '-t', topic, '-o', 'beginning', '-e', '-q', '-J'],
    ...['-X', 'isolation.level=read_committed', '-X', 'allow.auto.create.topics=false'],
  ]);
  const partitions = new Map<number, KcatRecord[]>();
  for (const record of parseKcat(output)) {
    const known = partitions.get(record.partition) ?? [];
    known.push(record);
    partitions.set(record.partition, known);
  }
  return [...partitions.keys()]
    .sort((left, right) => left - right)
    .flatMap((partition) =>
      (partitions.get(partition) ?? []).sort((left, right) => left.offset - right.offset).slice(-count),
    );
}

/** What must be equal in a copy; topic and offset differ by nature. */
function contentOf({ topic: _topic, offset: _offset, ...content }: KcatRecord): string {
  return JSON.stringify(content);
}

/**
 * One sentence for each record of a copy that is not, byte for byte and in this order, in its original; and for each original record
 * that no copy holds (`complete`). Partition, timestamp, key, value and headers are compared.
 */
export function diffCopies(
  original: readonly KcatRecord[],
  copies: readonly (readonly KcatRecord[])[],
  complete: boolean,
): string[] {
  const places = new Map<string, number[]>();
  for (const record of original) {
    const content = contentOf(record);
    places.set(content, [...(places.get(content) ?? []), record.offset]);
  }
  const differences: string[] = [];
  const copied = new Set<string>();
  for (const copy of copies) {
    const last = new Map<number, number>();
    for (const record of copy) {
      const content = contentOf(record);
      const after = last.get(record.partition) ?? -1;
      const offsets = places.get(content) ?? [];
      const offset = offsets.find((one) => one > after);
      const where = `${record.topic}/${record.partition} at ${record.offset}`;
      if (offsets.length === 0) {
        differences.push(`${where} is not in the original: ${content}`);
      } else if (offset === undefined) {
        differences.push(`${where} stands after a later record of the original, or twice: ${content}`);
      } else {
        last.set(record.partition, offset);
        copied.add(`${record.partition}/${offset}`);
      }
    }
  }
  if (complete) {
    for (const record of original) {
      if (!copied.has(`${record.partition}/${record.offset}`)) {
        differences.push(`${record.topic}/${record.partition} at ${record.offset} is in no copy: ${contentOf(record)}`);
      }
    }
  }
  return differences;
}
