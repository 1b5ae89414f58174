/** All that a cluster is made of, fetched or built on first use. */
import type { BuiltImage } from '../image.ts';
import type { Progress } from '../progress.ts';
import { ensureCoredns, planCoredns } from './coredns.ts';
import { ensureDebianPackages, planDebian } from './debian.ts';
import { removeGoCaches } from './go-module.ts';
import { ensureHelm, type HelmBinaries, planHelm } from './helm.ts';
import { ensureKubernetes, type KubernetesBinaries, planKubernetes } from './kubernetes.ts';
import { requireMachine } from './machine.ts';
import { ensurePauseImage, planPause } from './pause.ts';
import type { PlannedStep } from './plan.ts';

export type ClusterTools = {
  kubernetes: KubernetesBinaries;
  coredns: string;
  helm: HelmBinaries;
  pauseImage: BuiltImage;
  /** The folder of the CNI plugins. */
  cniDirectory: string;
};

/** What is still missing for a cluster of our own. */
export function planClusterTools(): PlannedStep[] {
  return [...planDebian(), ...planKubernetes(), ...planCoredns(), ...planHelm(), ...planPause()];
}

/** Makes sure of everything, one after the other: compiling uses all processors anyway. Fails at once when the machine cannot do it. */
export async function ensureClusterTools(progress: Progress): Promise<ClusterTools> {
  await requireMachine([...planKubernetes(), ...planCoredns()].length > 0);
  const cniDirectory = await ensureDebianPackages(progress);
  const helm = await ensureHelm(progress);
  const kubernetes = await ensureKubernetes(progress);
  const coredns = await ensureCoredns(progress);
  await removeGoCaches();
  return { kubernetes, coredns, helm, pauseImage: await ensurePauseImage(), cniDirectory };
}
