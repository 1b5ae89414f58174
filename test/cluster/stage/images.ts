// The two images of a play, built from the checked-out sources, and the way to the cluster's nodes.
import { buildShopImage } from '../../shop/image.ts';
import type { Cluster } from '../../testbed/cluster.ts';
import { runCommand } from '../../testbed/commands.ts';
import type { BuiltImage } from '../../testbed/image.ts';
import { buildProductImage } from '../../testbed/product-image.ts';

export type StageImages = { readonly shop: BuiltImage; readonly product: BuiltImage };

export async function buildImages(): Promise<StageImages> {
  return { shop: await buildShopImage(), product: await buildProductImage() };
}

/** Into a cluster of our own, and into one of kind or minikube by their own command. For any other it must have been done before. */
export async function bringImages(
  cluster: Cluster,
  images: StageImages,
  { kubeconfig, imagesAreThere = false }: { kubeconfig?: string; imagesAreThere?: boolean },
): Promise<void> {
  if (imagesAreThere) return;
  for (const { name, tarPath } of [images.shop, images.product]) {
    const command = kubeconfig === undefined ? undefined : loadCommand(cluster.name, tarPath);
    if (kubeconfig === undefined) await cluster.loadImage(tarPath);
    else if (command === undefined) throw new Error(byHand(cluster.name, images));
    else await runCommand(command[0], command.slice(1)).catch(refuse(name, command));
  }
}

type Command = readonly [string, ...string[]];

/** By the name that these tools give to the kubeconfig's context. */
export function loadCommand(context: string, tarPath: string): Command | undefined {
  const kind = /^kind-(.+)$/.exec(context)?.[1];
  if (kind !== undefined) return ['kind', 'load', 'image-archive', tarPath, '--name', kind];
  if (context === 'minikube') return ['minikube', 'image', 'load', tarPath];
  return undefined;
}

function refuse(image: string, command: Command): (error: unknown) => never {
  return (error) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`The image ${image} could not be brought to the cluster by "${command.join(' ')}": ${reason}`);
  };
}

function byHand(context: string, { shop, product }: StageImages): string {
  return [
    `How images get to the nodes of ${context} is not known here (it is for kind and minikube). Bring these two there under exactly these`,
    'names, for example with "ctr --namespace k8s.io images import FILE" on each node, and run the same again with --images-are-there:',
    ...[shop, product].map(({ name, tarPath }) => `  ${name}  ${tarPath}`),
  ].join('\n');
}
