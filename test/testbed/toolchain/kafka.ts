/**
 * The Java programs of the testbed, from Maven Central: an Apache Kafka broker and the SQS emulator ElasticMQ. Downloaded once per version.
 * Where Java or Maven is missing the result says so, so that the caller can go on without them. Starts no broker.
 */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, isCached } from '../cache.ts';
import { runCommand } from '../commands.ts';

export const kafkaVersion = '4.1.0';
/** Before KIP-848, share groups and types of groups. */
export const olderKafkaVersion = '3.7.2';
export const elasticMqVersion = '1.7.1';

/** Measured on two cores: for the announcement before anything is built. */
export const kafkaEffort = { seconds: 15, diskMegabytes: 45 } as const;
export const elasticMqEffort = { seconds: 10, diskMegabytes: 40 } as const;

type MissingProgram = { readonly available: false; readonly reason: string; readonly howToGet: string };

export type JavaProgram =
  | { readonly available: true; readonly version: string; readonly classPath: string }
  | MissingProgram;

const KAFKA = 'Apache Kafka';

const DOWNLOAD_DEADLINE_MS = 15 * 60_000;
/** Bound by name, so that Maven does not choose another one tomorrow. */
const COPY_DEPENDENCIES = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';

type Artifact = { readonly group: string; readonly name: string; readonly version: string };

function pomOf(artifacts: readonly Artifact[]): string {
  const dependencies = artifacts.map(
    ({ group, name, version }) =>
      `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`,
  );
  return [
    '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>',
    '<groupId>queue-splitter</groupId><artifactId>testbed</artifactId><version>1</version><packaging>pom</packaging>',
    `<dependencies>${dependencies.join('')}</dependencies></project>\n`,
  ].join('\n');
}

async function download(directory: string, artifacts: readonly Artifact[]): Promise<void> {
  const repository = join(directory, 'maven');
  await writeFile(join(directory, 'pom.xml'), pomOf(artifacts));
  await runCommand(
    'mvn',
    [
      '--batch-mode',
      '--quiet',
      `-Dmaven.repo.local=${repository}`,
      COPY_DEPENDENCIES,
      '-DincludeScope=runtime',
      `-DoutputDirectory=${join(directory, 'lib')}`,
    ],
    { cwd: directory, deadlineMs: DOWNLOAD_DEADLINE_MS },
  );
  await rm(repository, { recursive: true, force: true });
}

async function answers(command: string, argument: string): Promise<boolean> {
  try {
    await runCommand(command, [argument], { deadlineMs: 30_000 });
    return true;
  } catch {
    return false;
  }
}

function missing(program: string, needed: string, debianPackage: string): MissingProgram {
  return {
    available: false,
    reason: `${program} cannot be started: the command ${needed} is missing.`,
    howToGet: `Install it, for example on Debian with: apt-get install ${debianPackage}`,
  };
}

/** Java is needed to run it, Maven only until it is in the cache. */
async function lacking(program: string, cacheName: string): Promise<MissingProgram | undefined> {
  if (!(await answers('java', '-version'))) return missing(program, 'java', 'openjdk-17-jre-headless');
  if (!isCached(cacheName) && !(await answers('mvn', '-version'))) return missing(program, 'mvn', 'maven');
  return undefined;
}

/** Why there can be no broker on this machine, and how there could be; undefined when there can. */
export function lackingForKafka(): Promise<MissingProgram | undefined> {
  return lacking(KAFKA, `kafka-${kafkaVersion}`);
}

async function ensure(
  program: string,
  cacheName: string,
  version: string,
  artifacts: readonly Artifact[],
): Promise<JavaProgram> {
  const without = await lacking(program, cacheName);
  if (without !== undefined) return without;
  const directory = await cached(cacheName, (aside) => download(aside, artifacts));
  return { available: true, version, classPath: join(directory, 'lib', '*') };
}

/** Throws only when the download fails. */
export function ensureKafka(version = kafkaVersion): Promise<JavaProgram> {
  return ensure(KAFKA, `kafka-${version}`, version, [
    { group: 'org.apache.kafka', name: 'kafka_2.13', version },
    { group: 'org.slf4j', name: 'slf4j-simple', version: '1.7.36' },
  ]);
}

/** Throws only when the download fails. */
export function ensureOlderKafka(): Promise<JavaProgram> {
  return ensureKafka(olderKafkaVersion);
}

/** Throws only when the download fails. */
export function ensureElasticMq(): Promise<JavaProgram> {
  return ensure('ElasticMQ', `elasticmq-${elasticMqVersion}`, elasticMqVersion, [
    { group: 'org.elasticmq', name: 'elasticmq-server_2.13', version: elasticMqVersion },
  ]);
}
