// What the SDK throws → which code, whether to try again, and what the sentence says.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SplitterError } from '../../../../common/errors.ts';
import { toSqsError } from '../../../../common/sqs/errors.ts';

function thrown(name: string, status?: number, message = 'said the broker'): Error {
  return Object.assign(new Error(message), { name, ...(status && { $metadata: { httpStatusCode: status } }) });
}

const CASES: [what: string, error: Error, code: string, retryable: boolean][] = [
  ['a missing queue', thrown('QueueDoesNotExist', 400), 'QueueNotFound', false],
  ['a missing queue, older name', thrown('AWS.SimpleQueueService.NonExistentQueue', 400), 'QueueNotFound', false],
  ['a missing permission', thrown('AccessDeniedException', 400), 'PermissionDenied', false],
  ['any 403', thrown('Whatever', 403), 'PermissionDenied', false],
  ['a key without permission', thrown('KmsAccessDenied', 400), 'PermissionDenied', false],
  ['no credentials', thrown('CredentialsProviderError'), 'CredentialsMissing', false],
  ['wrong credentials', thrown('InvalidClientTokenId', 403), 'CredentialsMissing', false],
  ['expired credentials', thrown('ExpiredToken', 403), 'CredentialsMissing', true],
  ['throttling', thrown('RequestThrottled', 400), 'BrokerRejected', true],
  ['too many in flight', thrown('OverLimit', 403), 'BrokerRejected', true],
  ['a timeout', thrown('TimeoutError'), 'BrokerUnreachable', true],
  ['a refused connection', Object.assign(new Error(''), { code: 'ECONNREFUSED' }), 'BrokerUnreachable', true],
  ['a failing broker', thrown('ServiceUnavailable', 503), 'BrokerUnreachable', true],
  ['a name used too early', thrown('QueueDeletedRecently', 400), 'BrokerUnreachable', true],
  ['anything else', thrown('InvalidAttributeValue', 400), 'BrokerRejected', false],
];

describe('toSqsError', () => {
  for (const [what, error, code, retryable] of CASES) {
    it(`${what}: ${code}, ${retryable ? 'try again' : 'do not try again'}`, () => {
      const result = toSqsError(error, 'SendMessage', 'orders');
      assert.equal(result.code, code);
      assert.equal(result.retryable, retryable);
      assert.match(result.message, /orders/);
      assert.equal(result.cause, error);
    });
  }

  it('says what an endpoint is that does not speak JSON, unless it only fails for now', () => {
    const page = Object.assign(new SyntaxError('Unexpected token <'), { $metadata: { httpStatusCode: 400 } });
    const result = toSqsError(page, 'GetQueueUrl', 'orders');
    assert.equal(result.code, 'BrokerRejected');
    assert.match(result.message, /does not speak SQS's JSON protocol/);
    const proxy = Object.assign(new SyntaxError('Unexpected token <'), { $metadata: { httpStatusCode: 502 } });
    assert.equal(toSqsError(proxy, 'GetQueueUrl', 'orders').retryable, true);
  });

  it('names the permission that is missing', () => {
    assert.match(
      toSqsError(thrown('AccessDenied', 403), 'ReceiveMessage', 'orders').message,
      /Grant sqs:ReceiveMessage/,
    );
  });

  it('leaves our own errors alone', () => {
    const ours = new SplitterError('ForeignQueue', 'mine');
    assert.equal(toSqsError(ours, 'SendMessage', 'orders'), ours);
  });
});
