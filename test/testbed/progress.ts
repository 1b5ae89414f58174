/**
 * Tells people what is going on and how long it has taken: one line that updates itself on a terminal, plain lines
 * elsewhere (start, a sign of life every 30 s, end). Never writes to the standard output, which belongs to results.
 */
export type StepDetail = (text: string) => void;

export type Progress = {
  /** Shows `title` while `action` runs, and how it ended; returns or throws what the action does. */
  step<T>(title: string, action: (detail: StepDetail) => Promise<T>): Promise<T>;
  /** One line that stays. */
  note(text: string): void;
};

export type ProgressOptions = {
  stream?: { isTTY?: boolean; columns?: number; write(text: string): unknown };
  /** Time between two signs of life without a terminal. */
  heartbeatMs?: number;
};

/** Says nothing at all. */
export const silentProgress: Progress = { step: (_title, action) => action(() => undefined), note: () => undefined };

/** A progress for the given stream; the standard error unless told. */
export function createProgress(options: ProgressOptions = {}): Progress {
  const stream = options.stream ?? process.stderr;
  return stream.isTTY === true ? liveProgress(stream) : plainProgress(stream, options.heartbeatMs ?? 30_000);
}

type Stream = NonNullable<ProgressOptions['stream']>;
type RunningStep = { title: string; detail: string; startedAt: number };

function liveProgress(stream: Stream): Progress {
  const running = new Set<RunningStep>();
  let timer: NodeJS.Timeout | undefined;
  const wipe = () => stream.write('\r\x1b[2K');
  const draw = () => {
    const text = [...running].map((step) => `${describe(step)} ${elapsed(step)}`).join(' · ');
    wipe();
    stream.write(text.slice(0, (stream.columns ?? 100) - 1));
  };
  return {
    async step(title, action) {
      const step: RunningStep = { title, detail: '', startedAt: performance.now() };
      running.add(step);
      timer ??= setInterval(draw, 250).unref();
      draw();
      let mark = '✗';
      try {
        const result = await action((text) => {
          step.detail = text;
        });
        mark = '✓';
        return result;
      } finally {
        running.delete(step);
        wipe();
        stream.write(`${mark} ${title} (${elapsed(step)})\n`);
        if (running.size > 0) draw();
        else {
          clearInterval(timer);
          timer = undefined;
        }
      }
    },
    note(text) {
      wipe();
      stream.write(`${text}\n`);
      if (running.size > 0) draw();
    },
  };
}

function plainProgress(stream: Stream, heartbeatMs: number): Progress {
  return {
    async step(title, action) {
      const step: RunningStep = { title, detail: '', startedAt: performance.now() };
      stream.write(`${title} …\n`);
      const timer = setInterval(() => stream.write(`${describe(step)} … ${elapsed(step)}\n`), heartbeatMs).unref();
      try {
        const result = await action((text) => {
          step.detail = text;
        });
        stream.write(`${title}: done (${elapsed(step)})\n`);
        return result;
      } catch (error) {
        stream.write(`${title}: failed (${elapsed(step)})\n`);
        throw error;
      } finally {
        clearInterval(timer);
      }
    },
    note: (text) => {
      stream.write(`${text}\n`);
    },
  };
}

function describe(step: RunningStep): string {
  return step.detail === '' ? step.title : `${step.title}: ${step.detail}`;
}

function elapsed(step: RunningStep): string {
  const seconds = (performance.now() - step.startedAt) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
