// The three ways in which applications name an SQS queue (name, URL, ARN), and how to name another queue in the same way. Pure.
// Sources: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html and
// the URL forms of regional, FIPS, dual-stack, VPC and legacy endpoints and of emulators.
import { SplitterError } from '../errors.ts';

export type QueueReference = {
  form: 'name' | 'url' | 'arn';
  /** As it was written. */
  text: string;
  name: string;
  /** As far as the form tells. */
  region?: string;
  account?: string;
};

/** A queue to name instead; without a URL it is taken to be in the account of the original. */
export type NewQueue = { name: string; url?: string; arn?: string };

/** 80 characters, `.fifo` included. */
const QUEUE_NAME = /^[A-Za-z0-9_-]{1,75}\.fifo$|^[A-Za-z0-9_-]{1,80}$/;
const ACCOUNT = /^\d{12}$/;
const ARN = /^arn:[a-z0-9-]+:sqs:(?<region>[a-z0-9-]+):(?<account>\d{12}):(?<name>[^:]+)$/;
const REGION_IN_HOST = /(?:^|\.)(?<region>[a-z]{2}(?:-[a-z]+)+-\d)(?:\.|$)/;

/** @throws SplitterError `VariableUnreadable` when it is none of the three. */
export function parseQueueReference(text: string): QueueReference {
  const reference = text.startsWith('arn:') ? parseArn(text) : text.includes('://') ? parseUrl(text) : nameOnly(text);
  if (reference === undefined || !QUEUE_NAME.test(reference.name)) {
    throw new SplitterError(
      'VariableUnreadable',
      `${JSON.stringify(text)} is not the name, URL or ARN of an SQS queue. A name has 1 to 80 letters, digits, - and _, and may end in .fifo.`,
    );
  }
  return reference;
}

const nameOnly = (text: string): QueueReference => ({ form: 'name', text, name: text });

function parseArn(text: string): QueueReference | undefined {
  const { region, account, name } = ARN.exec(text)?.groups ?? {};
  if (region === undefined || account === undefined || name === undefined) return undefined;
  return { form: 'arn', text, name, region, account };
}

function parseUrl(text: string): QueueReference | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const steps = url.pathname.split('/').filter((step) => step !== '');
  const name = steps.at(-1);
  if (name === undefined || !/^https?:$/.test(url.protocol)) return undefined;
  const account = steps.at(-2);
  // LocalStack's path style is /queue/<region>/<account>/<name>.
  const inPath = steps[0] === 'queue' && steps.length === 4 ? steps[1] : undefined;
  const region = inPath ?? REGION_IN_HOST.exec(url.hostname)?.groups?.['region'];
  return {
    form: 'url',
    text,
    name,
    ...(region === undefined ? {} : { region }),
    ...(account !== undefined && ACCOUNT.test(account) ? { account } : {}),
  };
}

/**
 * Names `queue` in the way in which `reference` named its queue. A URL keeps the reference's scheme and host, for the application may use
 * another endpoint than we do (a VPC endpoint, an emulator behind another address); only account and name change.
 */
export function renderQueueReference(reference: QueueReference, queue: NewQueue): string {
  const account = (queue.url === undefined ? undefined : parseQueueReference(queue.url).account) ?? reference.account;
  switch (reference.form) {
    case 'name':
      return queue.name;
    case 'arn':
      return queue.arn ?? [...reference.text.split(':').slice(0, 4), account, queue.name].join(':');
    case 'url':
      return renderUrl(reference, queue.name, account);
  }
}

function renderUrl({ text, name, account: oldAccount }: QueueReference, newName: string, account?: string): string {
  const nameAt = text.lastIndexOf(name);
  const before = text.slice(0, nameAt);
  const moved = oldAccount !== undefined && account !== undefined;
  return `${moved ? before.replace(`/${oldAccount}/`, `/${account}/`) : before}${newName}${text.slice(nameAt + name.length)}`;
}
