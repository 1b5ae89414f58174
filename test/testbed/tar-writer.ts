/**
 * Writes tar archives (ustar, POSIX.1-1988, with pax records for long names) whose bytes depend on nothing but their
 * content: fixed times, fixed owners, the caller's order.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

export type TarEntry =
  | { type: 'file'; name: string; mode: number; content: Buffer | { path: string; size: number } }
  | { type: 'directory'; name: string; mode: number }
  | { type: 'link'; name: string; target: string };

const blockBytes = 512;

/** Writes the archive to a file. @returns its SHA-256 in hexadecimal. */
export function writeTar(path: string, entries: Iterable<TarEntry>): string {
  const hash = createHash('sha256');
  const file = openSync(path, 'w');
  const write = (bytes: Uint8Array) => {
    hash.update(bytes);
    writeSync(file, bytes);
  };
  try {
    for (const entry of entries) {
      writeHeader(entry, write);
      if (entry.type === 'file') writeContent(entry.content, write);
    }
    write(Buffer.alloc(2 * blockBytes));
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}

function writeContent(content: Buffer | { path: string; size: number }, write: (bytes: Uint8Array) => void): void {
  const size = Buffer.isBuffer(content) ? content.length : content.size;
  if (Buffer.isBuffer(content)) write(content);
  else {
    const source = openSync(content.path, 'r');
    try {
      const chunk = Buffer.alloc(1 << 20);
      let left = content.size;
      while (left > 0) {
        const read = readSync(source, chunk, 0, Math.min(chunk.length, left), null);
        if (read === 0) throw new Error(`${content.path} became shorter while it was read.`);
        write(chunk.subarray(0, read));
        left -= read;
      }
    } finally {
      closeSync(source);
    }
  }
  write(Buffer.alloc(padding(size)));
}

function writeHeader(entry: TarEntry, write: (bytes: Uint8Array) => void): void {
  const name = entry.type === 'directory' ? `${entry.name}/` : entry.name;
  const target = entry.type === 'link' ? entry.target : '';
  if (Buffer.byteLength(name) > 100 || Buffer.byteLength(target) > 100) {
    const records = Buffer.from(paxRecord('path', name) + (target === '' ? '' : paxRecord('linkpath', target)));
    write(header('pax-header', 'x', 0o644, records.length, ''));
    write(records);
    write(Buffer.alloc(padding(records.length)));
  }
  const size = entry.type !== 'file' ? 0 : Buffer.isBuffer(entry.content) ? entry.content.length : entry.content.size;
  const kind = { file: '0', directory: '5', link: '2' }[entry.type];
  write(header(name, kind, entry.type === 'link' ? 0o777 : entry.mode, size, target));
}

function header(name: string, kind: string, mode: number, size: number, target: string): Buffer {
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, at: number, width: number) =>
    block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at);
  block.write(name.slice(0, 100), 0, 100);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.write('        ', 148);
  block.write(kind, 156);
  block.write(target.slice(0, 100), 157, 100);
  block.write('ustar\x0000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** `length key=value\n`, where the length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes + String(bytes).length;
  if (String(length).length !== String(bytes).length) length = bytes + String(length).length;
  return `${length}${rest}`;
}

function padding(size: number): number {
  return (blockBytes - (size % blockBytes)) % blockBytes;
}
