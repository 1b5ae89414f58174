// The command line of `npm run demo`. Pure.
import { parseArgs } from 'node:util';

export type DemoOptions = {
  /** An existing cluster instead of one of our own. */
  kubeconfig: string | undefined;
  imagesAreThere: boolean;
  kafka: boolean;
  keep: boolean;
  json: boolean;
};

export type Command = { type: 'play'; options: DemoOptions } | { type: 'help' } | { type: 'clean' };

export const HELP = `npm run demo -- [options]

Two developers share the queues of one deployed worker, on a real Kubernetes cluster on this machine. Exit status 0 only if no order was
lost, misrouted or out of order, and everything is as before.

  --keep               leaves everything running at the end, for looking around, until Ctrl-C
  --no-kafka           only the SQS half
  --json               the story goes to the standard error, and at the end one line of JSON to the standard output
  --kubeconfig PATH    uses this cluster (kind, minikube, a real one) instead of the built-in one. It must not have the namespaces shop and
                       mirrord; they and the project's definitions are removed at the end. Pods must reach this machine: its address is
                       guessed, and QUEUE_SPLITTER_HOST_ADDRESS overrides the guess
  --images-are-there   with --kubeconfig: the two images are on its nodes already (for kind and minikube they are brought there)
  --clean              removes everything that was downloaded and built, and plays nothing
  --help
`;

/** @throws Error in a sentence for people. */
export function parseCommand(args: readonly string[]): Command {
  const values = parseOptions(args);
  if (values.help) return { type: 'help' };
  if (values.clean) return { type: 'clean' };
  if (values['images-are-there'] && values.kubeconfig === undefined) {
    throw new Error('--images-are-there goes with --kubeconfig: a cluster of its own always gets its images.');
  }
  const { kubeconfig, kafka, keep, json } = values;
  return { type: 'play', options: { kubeconfig, kafka, keep, json, imagesAreThere: values['images-are-there'] } };
}

function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowNegative: true,
      options: {
        keep: { type: 'boolean', default: false },
        kafka: { type: 'boolean', default: true },
        json: { type: 'boolean', default: false },
        kubeconfig: { type: 'string' },
        'images-are-there': { type: 'boolean', default: false },
        clean: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${reason}. The options are in: npm run demo -- --help`);
  }
}
