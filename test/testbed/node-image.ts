/**
 * The layers that every image with a Node program has in common: Node itself (its own layer, imported once), the
 * libraries that it needs, a user without rights, and the machine's root certificates.
 */
import { existsSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { runCommand } from './commands.ts';
import type { ImageFile } from './image.ts';

/** Where Node is in the image. */
export const nodeInImage = '/usr/local/bin/node';

/** Layers for `buildImage`, with the Node that runs this process; put the program's own layers behind them. */
export async function nodeLayers(): Promise<ImageFile[][]> {
  const node = await ensureStrippedNode();
  return [[{ from: node, to: nodeInImage }, ...(await librariesOf(node))], systemFiles()];
}

/** Without symbols the binary is a quarter smaller. Without `strip` it stays as it is. */
async function ensureStrippedNode(): Promise<string> {
  const directory = await cached(`node-for-images-${process.versions.node}-${process.arch}`, async (aside) => {
    const target = join(aside, 'node');
    try {
      await runCommand('strip', ['-o', target, process.execPath]);
      await runCommand(target, ['--version']);
    } catch {
      await copyFile(process.execPath, target);
    }
  });
  return join(directory, 'node');
}

/** The shared libraries that `ldd` names, at their own paths: a name, an arrow and a path, or the loader's path alone. */
async function librariesOf(program: string): Promise<ImageFile[]> {
  const { stdout } = await runCommand('ldd', [program]);
  const paths = [...stdout.matchAll(/(?:=>\s+|^\s+)(\/\S+)\s+\(0x/gm)].map((match) => match[1] ?? '');
  return paths.map((path) => ({ from: path, to: path }));
}

function systemFiles(): ImageFile[] {
  const authorities = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt'].find(existsSync);
  return [
    {
      text: 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n',
      to: '/etc/passwd',
    },
    { text: 'root:x:0:\nnonroot:x:65532:\n', to: '/etc/group' },
    { text: 'hosts: files dns\n', to: '/etc/nsswitch.conf' },
    { text: '', to: '/tmp/.keep' },
    ...(authorities === undefined ? [] : [{ from: authorities, to: '/etc/ssl/certs/ca-certificates.crt' }]),
  ];
}
