/**
 * Runs inside a cluster's network namespace and connects what comes over a unix socket (which crosses namespaces) with
 * an address in there. A connection begins with one line `host:port`. Own program: it must stay free of imports.
 */
import { connect, createServer } from 'node:net';

const socketPath = process.argv[2] ?? '';

const server = createServer({ allowHalfOpen: true }, (outer) => {
  outer.on('error', () => outer.destroy());
  let head = Buffer.alloc(0);
  const readHead = (chunk: Buffer) => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf(10);
    if (end < 0) return;
    outer.off('data', readHead);
    outer.pause();
    const address = head.subarray(0, end).toString();
    const split = address.lastIndexOf(':');
    const inner = connect({
      host: address.slice(0, split),
      port: Number(address.slice(split + 1)),
      allowHalfOpen: true,
      noDelay: true,
    });
    inner.on('error', () => outer.destroy());
    outer.on('close', () => inner.destroySoon());
    inner.on('close', () => outer.destroySoon());
    inner.write(head.subarray(end + 1));
    outer.pipe(inner).pipe(outer);
  };
  outer.on('data', readHead);
});
server.listen(socketPath, () => process.stdout.write('ready\n'));
