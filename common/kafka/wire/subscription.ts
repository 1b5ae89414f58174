// The subscription that a classic group member sends as opaque bytes: ConsumerProtocolSubscription.json of Apache Kafka.
// All versions begin with version (int16) and the topics (int32 count, then int16-prefixed strings).

/** Undefined for bytes that are no subscription, as the empty ones that a rebalancing group shows. */
export function subscribedTopics(metadata: Buffer): string[] | undefined {
  const topics: string[] = [];
  try {
    let position = 2;
    let left = metadata.readInt32BE(position);
    position += 4;
    for (; left > 0; left--) {
      const length = metadata.readInt16BE(position);
      position += 2;
      topics.push(metadata.toString('utf8', position, position + length));
      position += length;
    }
    return topics;
  } catch {
    return undefined;
  }
}
