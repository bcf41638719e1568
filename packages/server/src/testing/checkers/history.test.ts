import { doesNotThrow, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { History } from "./history.ts";

test("a mark that one reader was told does not go back", () => {
  const history = new History();
  history.sawMarks("one", "a-0", 5, 0);
  doesNotThrow(() => history.sawMarks("two", "a-0", 3, 0), "another one's answer may be older");
  throws(() => history.sawMarks("one", "a-0", 4, 0), { checker: "marks" });
});

test("a new leader may not know yet what was told, but it counts", () => {
  const history = new History();
  history.sawMarks("one", "a-0", 5, 1, true);
  history.sawMarks("one", "a-0", 3, 1, true);
  equal(history.highestMark("a-0"), 5);
  throws(() => history.sawMarks("one", "a-0", 4, 1), { checker: "marks" });
  throws(() => history.sawMarks("one", "a-0", 6, 0, true), { checker: "marks" });
});
