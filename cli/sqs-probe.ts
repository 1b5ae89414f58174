// The SQS half of the preflight, through the AWS SDK, so that region, endpoint, profile and credentials are found as the command will
// find them. Calls only GetQueueUrl and GetQueueAttributes. Imported late: the SDK costs a start that `qsplit status` need not pay.
import { GetQueueAttributesCommand, GetQueueUrlCommand, SQSClient, SQSServiceException } from '@aws-sdk/client-sqs';
import { SplitterError } from '../common/errors.ts';

const CONNECT_MS = 4000;
const ANSWER_MS = 8000;
/** Asked for to hear any answer; it need not exist. */
const ANY_QUEUE = 'mirrord-queue-splitter-preflight';

/** The SDK's advice to programmers is not for whoever runs qsplit. */
const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** What SQS and STS call credentials that are wrong or too old (AWS "Common errors"; the list is from the SQS API reference). */
const CREDENTIAL_ERRORS = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidClientTokenId',
  'InvalidAccessKeyId',
  'InvalidSecurity',
  'UnrecognizedClientException',
  'IncompleteSignature',
  'MissingAuthenticationToken',
  'SignatureDoesNotMatch',
]);

export async function probeSqs(): Promise<void> {
  await withClient(async (client) => {
    await requireSettings(client);
    await ask(() => client.send(new GetQueueUrlCommand({ QueueName: ANY_QUEUE })), 'SQS');
  });
}

/**
 * SDKs differ in where they look for a queue: at the host of its URL, or at the endpoint that they are told (boto3 by age, JavaScript
 * when the program sets it). Either one that knows the queue is enough.
 */
export async function probeSqsQueue(queue: string): Promise<void> {
  try {
    await probeQueueAt('queueUrl', queue);
  } catch (error) {
    if (!(error instanceof SplitterError) || error.code !== 'BrokerUnreachable') throw error;
    await probeQueueAt('endpoint', queue).catch(() => {
      throw error;
    });
  }
}

async function probeQueueAt(where: 'queueUrl' | 'endpoint', queue: string): Promise<void> {
  await withClient(async (client) => {
    await requireSettings(client);
    const answer = await ask(async () => {
      const QueueUrl = await urlOf(client, queue);
      await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
    }, queue);
    if (answer === 'missing') {
      throw new SplitterError('QueueNotFound', `Seen from this machine there is no queue ${queue}`, {
        details: {
          hint: 'AWS_REGION, AWS_PROFILE or AWS_ENDPOINT_URL here differ from the cluster’s; set them to the same account and region',
        },
      });
    }
  }, where === 'queueUrl');
}

async function urlOf(client: SQSClient, queue: string): Promise<string> {
  if (/^https?:/.test(queue)) return queue;
  const [, account, name] = /^arn:[^:]*:sqs:[^:]*:([^:]*):(.+)$/.exec(queue) ?? [];
  const { QueueUrl } = await client.send(
    new GetQueueUrlCommand({ QueueName: name ?? queue, ...(account ? { QueueOwnerAWSAccountId: account } : {}) }),
  );
  return QueueUrl ?? queue;
}

async function withClient(use: (client: SQSClient) => Promise<void>, useQueueUrlAsEndpoint = true): Promise<void> {
  const client = new SQSClient({
    maxAttempts: 1,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: ANSWER_MS },
    useQueueUrlAsEndpoint,
    logger: SILENT,
  });
  try {
    await use(client);
  } finally {
    client.destroy();
  }
}

async function requireSettings(client: SQSClient): Promise<void> {
  try {
    await client.config.region();
  } catch (error) {
    throw new SplitterError('InvalidConfig', 'No AWS region is set on this machine', {
      cause: error,
      details: {
        hint: 'set AWS_REGION to the region of the target’s queues, or AWS_PROFILE to a profile that has one',
      },
    });
  }
  try {
    await client.config.credentials();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SplitterError('CredentialsMissing', `This machine has no AWS credentials: ${reason}`, {
      cause: error,
      details: {
        hint: 'log in (aws sso login), set AWS_PROFILE, or run with --via mirrord, which uses the credentials of the target’s pods',
      },
    });
  }
}

/** Any answer of the service is good news, except that it does not accept who we are. What the identity may do is the command's affair. */
async function ask(call: () => Promise<unknown>, what: string): Promise<'answered' | 'missing'> {
  try {
    await call();
    return 'answered';
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (!(error instanceof SQSServiceException)) {
      throw new SplitterError('BrokerUnreachable', `${what} cannot be reached from this machine: ${reason}`, {
        cause: error,
      });
    }
    if (CREDENTIAL_ERRORS.has(error.name)) {
      throw new SplitterError('CredentialsMissing', `AWS does not accept this machine’s credentials: ${reason}`, {
        cause: error,
        details: { hint: 'they are wrong or expired: log in again (aws sso login) or choose another AWS_PROFILE' },
      });
    }
    return /NonExistentQueue|QueueDoesNotExist/.test(error.name) ? 'missing' : 'answered';
  }
}
