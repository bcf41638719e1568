import { doesNotThrow, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { GroupHistory } from "./group-history.ts";

const id = (member: string, n = 0): string => `${member}-00000000-0000-0000-0000-${`${n}`.padStart(12, "0")}`;

test("a generation has one leader, by whatever id it comes back", () => {
  const history = new GroupHistory();
  history.synced(1, id("one"));
  history.synced(2, id("one", 1));
  history.synced(2, id("one", 2));
  throws(() => history.synced(2, id("two")), { checker: "generations" });
});

test("an emptied group of which nothing was left begins with its first generation again", () => {
  const history = new GroupHistory();
  history.told("a-0", -1, -1);
  for (const leader of ["one", "two", "two"]) history.synced(1, id(leader));
  history.synced(2, id("two"));
  history.synced(1, id("two"));
  doesNotThrow(() => history.committed("a-0", 5, 1, history.newestGeneration), "older generations are none of this group's");
  equal(history.generations, 4);
});

test("a group whose offsets are committed, or were told, is not forgotten", () => {
  const committed = new GroupHistory();
  committed.synced(1, id("one"));
  committed.committed("a-0", 5, 1, 1);
  throws(() => committed.synced(1, id("two")), { checker: "generations" });
  const told = new GroupHistory();
  told.synced(1, id("one"));
  told.read("a-0", 0, 5);
  told.told("a-0", 5, -1);
  throws(() => told.synced(1, id("two")), { checker: "generations" });
});

test("an older generation commits nothing", () => {
  const history = new GroupHistory();
  history.synced(1, id("one"));
  history.synced(2, id("one"));
  throws(() => history.committed("a-0", 5, 1, history.newestGeneration), { checker: "zombies" });
});
