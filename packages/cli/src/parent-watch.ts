/** Makes a server end when its standard input does. */
export const CHILD_FLAG = "--until-stdin-ends";

/**
 * For a server that another process runs as its child, with a pipe to its standard input: the kernel closes that pipe however the parent
 * dies, by `kill -9`, too, on every system. From then on the server ends as by SIGTERM, whether it has started or not. What it writes
 * meanwhile, nobody reads.
 */
export function endWithParent(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  const ended = new Promise((resolve) => process.stdin.once("end", resolve).on("error", resolve).resume());
  void ended.then(() => process.kill(process.pid, "SIGTERM"));
}
