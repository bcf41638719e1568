import { createServer } from "node:net";

// Below the ports that the kernel gives to outgoing connections (from 32768 on with Linux): one of those may take the port of a server
// that was not started yet, or is down for a moment.
const FIRST = 10_240;
const BLOCK = 100;
const BLOCKS = 220;
/** Processes that run at the same time have numbers close to each other: they begin in blocks that are not. */
const SPREAD = 97;

const begin = ((process.pid * SPREAD) % BLOCKS) * BLOCK;
let given = 0;

/** A port of loopback where nobody listens, and that this process was not given before. @throws Error All are taken. */
export async function freePort(): Promise<number> {
  while (given < BLOCK * BLOCKS) {
    const port = FIRST + ((begin + given++) % (BLOCK * BLOCKS));
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port of 127.0.0.1 between ${FIRST} and ${FIRST + BLOCK * BLOCKS - 1}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(false);
      else reject(error);
    });
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
