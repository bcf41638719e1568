import { equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { compileExpression } from "./expression.ts";

function matches(expression: string, name: string): boolean {
  const compiled = compileExpression(expression);
  ok(typeof compiled !== "string", `${expression}: ${String(compiled)}`);
  return compiled(name);
}

test("the whole of a name has to match, in the syntax of RE2", () => {
  equal(matches("orders", "orders"), true);
  equal(matches("orders", "orders-1"), false);
  equal(matches("orders|paid", "unpaid"), false);
  equal(matches("(?i)ORDERS\\..*", "orders.eu"), true);
  equal(matches("[[:alpha:]]+-\\d{4}", "log-2024"), true);
  equal(matches("\\Qa.b\\E", "a.b"), true);
  equal(matches("\\Qa.b\\E", "axb"), false);
  equal(matches("[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", "0123abcd-0123-0123-0123-0123456789ab"), true);
});

test("what RE2 does not know is refused, and why is said", () => {
  for (const expression of ["(", "[a", "a**", "(?=a)", "(a)\\1"]) match(String(compileExpression(expression)), /error parsing/);
});

test("what would be large is refused before it is compiled", () => {
  for (const expression of ["x{501}", "((a{10}){10}){10}", "(x?){300}x{300}", "(a|b){1,400}", "\\pL".repeat(26), "x".repeat(256)])
    match(String(compileExpression(expression)), /too large|longer than|error parsing/, expression);
  for (const expression of ["((a{5}){5}){5}", "x".repeat(255), "[a-z]{250}", "a{", "{2}"])
    ok(compileExpression(expression) !== "it is too large", expression);
});

test("a name that makes other engines go back and forth takes no longer than others", () => {
  const name = `${"a".repeat(248)}!`;
  equal(matches("(a+)+", name), false);
  equal(matches("(a|a)*(a|a)*b?", name), false);
  equal(matches("(.*)(.*)(.*)(.*)(.*)[^a]", name), true);
});
