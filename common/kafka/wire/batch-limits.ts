// How large a batch of a topic may be: learned from refusals, for `max.message.bytes` counts the whole batch as it is stored. Pure.
import type { OutgoingRecord } from './produce.ts';

const FIRST_BYTES = 900_000;

/** `squeeze`: a single record was too large, so records that are not compressed are from now on. */
export type BatchLimit = { bytes: number; squeeze: boolean };

export class BatchLimits {
  readonly #limits = new Map<string, BatchLimit>();

  of(topic: string): BatchLimit {
    return this.#limits.get(topic) ?? { bytes: FIRST_BYTES, squeeze: false };
  }

  /** This batch was too large: the next attempt sends smaller ones, in the end single compressed records. */
  refuse(topic: string, batch: readonly OutgoingRecord[]): void {
    const { bytes, squeeze } = this.of(topic);
    this.#limits.set(topic, batch.length > 1 ? { bytes: Math.ceil(bytes / 2), squeeze } : { bytes, squeeze: true });
  }
}
