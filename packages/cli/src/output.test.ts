import { deepEqual } from "node:assert/strict";
import { mock, test } from "node:test";
import { printPairs, printTable } from "./output.ts";

async function printed(print: () => Promise<void>): Promise<string> {
  const texts: string[] = [];
  const fake = mock.method(process.stdout, "write", (text: string) => texts.push(text) > 0);
  try {
    await print();
  } finally {
    fake.mock.restore();
  }
  return texts.join("");
}

test("what others have named cannot speak to the terminal, nor make lines of its own", async () => {
  const name = "g\u001b[2J\nh\u009b1m";
  const shown = "g\\x1b[2J\\x0ah\\x9b1m";
  deepEqual(await printed(() => printPairs([["group", name]])), `group  ${shown}\n`);
  deepEqual(
    await printed(() => printTable(["GROUP", "LAG"], [[name, 1]], "none")),
    `${"GROUP".padEnd(shown.length + 2)}LAG\n${shown}    1\n`,
  );
});
