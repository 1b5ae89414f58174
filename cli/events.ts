// What qsplit tells: the names of its JSON lines, stable, each with what it means; docs/reference/qsplit.md lists them from here.

export const EVENTS = {
  ignored: 'fields of the file that are mirrord’s and not used',
  unknown: 'fields of the file that nobody knows, with their lines',
  preflight: 'what was looked at on this machine, or could not be',
  restart: 'what is going to happen to the target’s pods (`restart`: none, possible, certain; `pods`)',
  created: 'the session is there (`session`, `namespace`, `target`)',
  progress: 'a step on the way to Ready or to the end (`step`, `state`, `pods`)',
  ready: 'the command is about to start (`tookMs`, `queues`, `environment`)',
  overlap: 'another session on the same queue, and who gets what both match',
  unmatched: 'nothing has matched for 30 seconds: what was read and seen',
  unreachable: 'the API server does not answer',
  reachable: 'it answers again',
  overdue: 'no heartbeat has reached the API server for longer than the session may live without',
  signal: 'a signal came, the command is waited for (`signal`)',
  killed: 'the second one: the command is killed',
  lost: 'the session was lost while the command ran (`code`, `at`)',
  exit: 'the command has ended (`code`)',
  leftRunning: 'something that the command has started did not end with it, although it was asked to',
  ending: 'the session is being deleted',
  ended: 'how far that came (`outcome`: gone, waiting, kept)',
  error: 'why qsplit gives up (`code`, `hint`, `exitCode`)',
} as const;

export type EventName = keyof typeof EVENTS;
