// The contract of one queue's data path: source → match → destinations. The forwarder's shell drives it; each kind of broker implements it.
import type { ForwarderQueueStatus, SplitQueue } from '../api/kinds/workload-split.ts';

export type PipelineOptions = {
  split: {
    name: string;
    namespace: string;
    uid: string;
    /** Name of the target; for metrics and log lines. */
    workload?: string;
  };
  /** Called whenever `status()` changed, so that the shell can report it. */
  onChange: () => void;
  /** True while this replica may still write: its Lease is fresh. Asked before each send, and before what was sent is deleted where it was. */
  mayWrite: () => boolean;
  /** A sentence while another replica may still write by routes of before; what looks empty counts as empty only without one. */
  othersMayWrite: () => string | undefined;
  /** True while pods of the target are given the fallback to read. On the way back what is sent there would wait, and be deleted with it. */
  isFallbackRead: () => boolean;
};

export type Pipeline = {
  /**
   * Brings the data path to what the split says and resolves when it fully acts on it: new routes get messages, ending routes get
   * none any more, `Stop` has nothing in flight. Calls are made one after another; a later call may supersede an earlier one.
   */
  apply(queue: SplitQueue): Promise<void>;
  status(): ForwarderQueueStatus;
  /** Stops reading, finishes or abandons what is in flight without losing it, closes connections. */
  close(): Promise<void>;
};
