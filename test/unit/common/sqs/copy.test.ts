// Copies hold everything that can be copied; batches never break SQS's limits, keep the order, and lose nothing.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Message } from '@aws-sdk/client-sqs';
import {
  batchLength,
  copyOf,
  intoBatches,
  MAX_BATCH_BYTES,
  MAX_BATCH_ENTRIES,
  sizeOf,
} from '../../../../common/sqs/copy.ts';
import { fc } from '../../../random.ts';

describe('copyOf', () => {
  it('keeps body, attributes with their exact types, group id and trace header, and nothing of the broker', () => {
    const message: Message = {
      MessageId: 'original',
      ReceiptHandle: 'handle',
      MD5OfBody: 'digest',
      Body: ' as it is ',
      Attributes: {
        SenderId: 'somebody',
        SentTimestamp: '1',
        ApproximateReceiveCount: '3',
        MessageGroupId: 'tenant-7',
        AWSTraceHeader: 'Root=1-5759e988-bd862e3fe1be46a994272793',
      },
      MessageAttributes: {
        label: { DataType: 'String.json', StringValue: '{}' },
        price: { DataType: 'Number.float', StringValue: '01.50' },
        icon: { DataType: 'Binary.gif', BinaryValue: Uint8Array.of(0, 255) },
      },
    };
    assert.deepEqual(copyOf(message, '4'), {
      Id: '4',
      MessageBody: ' as it is ',
      DelaySeconds: 0,
      MessageAttributes: message.MessageAttributes,
      MessageGroupId: 'tenant-7',
      MessageSystemAttributes: {
        AWSTraceHeader: { DataType: 'String', StringValue: 'Root=1-5759e988-bd862e3fe1be46a994272793' },
      },
    });
  });

  it('adds nothing to a message without attributes', () => {
    assert.deepEqual(copyOf({ Body: 'x' }, '0'), { Id: '0', MessageBody: 'x', DelaySeconds: 0 });
  });
});

describe('sizeOf', () => {
  it('counts UTF-8 bytes of body, names, types and values', () => {
    const attributes = { ä: { DataType: 'String', StringValue: '€' } };
    assert.equal(sizeOf({ Body: 'aé', MessageAttributes: attributes }), 3 + 2 + 6 + 3);
  });

  it('counts binary values as they travel', () => {
    const attributes = { b: { DataType: 'Binary', BinaryValue: new Uint8Array(4) } };
    assert.equal(sizeOf({ Body: '', MessageAttributes: attributes }), 1 + 6 + 8);
  });
});

describe('batches', () => {
  const sizes = fc.array(fc.oneof(fc.nat(2_000), fc.integer({ min: 1, max: MAX_BATCH_BYTES + 1_000 })), {
    maxLength: 60,
  });

  it('hold every item once and in order', () => {
    fc.assert(fc.property(sizes, (items) => assert.deepEqual(intoBatches(items, (size) => size).flat(), items)));
  });

  it('are never empty, never too long, and never too large unless one item is', () => {
    fc.assert(
      fc.property(sizes, (items) => {
        for (const batch of intoBatches(items, (size) => size)) {
          assert.ok(batch.length >= 1 && batch.length <= MAX_BATCH_ENTRIES);
          const bytes = batch.reduce((sum, size) => sum + size, 0);
          assert.ok(bytes <= MAX_BATCH_BYTES || batch.length === 1);
        }
      }),
    );
  });

  it('are as long as they can be', () => {
    fc.assert(
      fc.property(sizes, (items) => {
        const batches = intoBatches(items, (size) => size);
        for (const [index, batch] of batches.entries()) {
          const [next] = batches[index + 1] ?? [];
          if (next === undefined || batch.length === MAX_BATCH_ENTRIES) continue;
          assert.ok(batch.reduce((sum, size) => sum + size, 0) + next > MAX_BATCH_BYTES);
        }
      }),
    );
  });

  it('end before the item that does not fit', () => {
    assert.equal(batchLength([MAX_BATCH_BYTES, 1]), 1);
    assert.equal(batchLength(Array.from({ length: 11 }, () => 1)), 10);
    assert.equal(batchLength([]), 0);
  });
});
