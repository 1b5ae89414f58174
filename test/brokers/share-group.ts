// The one request of share groups (KIP-932) that a test needs, which the library does not have yet: ShareGroupHeartbeat v1.
import { createAPI, Writer } from '@platformatic/kafka';

/** The first one joins. */
export const shareGroupHeartbeat = createAPI<[group: string, member: string, topic: string], { errorCode: number }>(
  76,
  1,
  (group: string, member: string, topic: string) =>
    Writer.create()
      .appendString(group)
      .appendString(member)
      .appendInt32(0)
      .appendString(null)
      .appendArray([topic], (writer, name) => writer.appendString(name), true, false)
      .appendTaggedFields(),
  (_correlation, _key, _version, reader) => {
    reader.readInt32();
    return { errorCode: reader.readInt16() };
  },
);
