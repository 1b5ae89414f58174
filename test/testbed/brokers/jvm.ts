// The options of Java programs that the testbed starts: small, quick to start, and nothing left in the machine's folder for temporary files
// when one is killed (native libraries that lz4 and snappy unpack, and HotSpot's performance data).

/** `directory` vanishes with the run; `heapMb` is a limit. */
export function jvmOptions(directory: string, heapMb: number): string[] {
  return [
    `-Xmx${heapMb}m`,
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-Xshare:auto',
    '-XX:-UsePerfData',
    `-Djava.io.tmpdir=${directory}`,
  ];
}
