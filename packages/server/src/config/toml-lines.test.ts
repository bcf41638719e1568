import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { type TomlPath, tomlLines } from "./toml-lines.ts";

const DOCUMENT = `# listen = 0
data = "a"   # sync = 1
"quoted \\u0041" = 1
'literal' . dotted = [ # listen = 2
  1, "]",
  [2,
   3], { x = 1,
         y = [
           4 ] },
]
text = """
listen = 3 \\"""
\\\\""" # "
more = '''
listen = 4''''
when = 1979-05-27 07:32:00

[peer-tls]
cert = 'C:\\'
  [peer-tls.more]
  key = "a # \\" b"
[[listeners]]
name = "one"
[listeners.inner]
deep = 1
[[listeners]]
name = "two"
listen = "x"
[[listeners.inner]]
deep = 2
[[listeners.inner]]
deep = 3
[ "last" . one ]
end = {}
`;

const LINES: readonly (readonly [TomlPath, number])[] = [
  [["data"], 2],
  [["quoted A"], 3],
  [["literal"], 4],
  [["literal", "dotted"], 4],
  [["literal", "dotted", 0], 5],
  [["literal", "dotted", 1], 5],
  [["literal", "dotted", 2], 6],
  [["literal", "dotted", 2, 1], 7],
  [["literal", "dotted", 3, "x"], 7],
  [["literal", "dotted", 3, "y"], 8],
  [["literal", "dotted", 3, "y", 0], 9],
  [["text"], 11],
  [["more"], 14],
  [["when"], 16],
  [["peer-tls"], 18],
  [["peer-tls", "cert"], 19],
  [["peer-tls", "more", "key"], 21],
  [["listeners"], 22],
  [["listeners", 0, "name"], 23],
  [["listeners", 0, "inner", "deep"], 25],
  [["listeners", 1], 26],
  [["listeners", 1, "name"], 27],
  [["listeners", 1, "inner", 0, "deep"], 30],
  [["listeners", 1, "inner", 1], 31],
  [["last", "one", "end"], 34],
  // Not there: where it would stand.
  [["listeners", 1, "advertise"], 26],
  [["listen"], 1],
  [[], 1],
];

test("every key of a document, whatever strings and comments look like", () => {
  ok(parse(DOCUMENT));
  const lines = tomlLines(DOCUMENT);
  deepEqual(
    LINES.map(([path]) => [path, lines(path)]),
    LINES.map(([path, line]) => [path, line]),
  );
});

test("ends of lines of another system", () => {
  equal(tomlLines("a = 1\r\n\r\n[b] # c\r\nd = 2\r\n")(["b", "d"]), 4);
});

test("what is no TOML ends, too", () => {
  const pieces = fc.array(fc.constantFrom("[", "]", "{", "}", "=", ",", "'", '"', "#", "\n", "a", ".", "\\", " "), { maxLength: 30 });
  fc.assert(
    fc.property(pieces, (text) => tomlLines(text.join(""))(["a"]) > 0),
    { seed: 3, numRuns: 2_000 },
  );
});

/** Trees whose leaves say where they are, so that the text of a line can be held against its path. */
const tree = fc.letrec<{ table: Record<string, unknown>; value: unknown }>((tie) => ({
  table: fc.dictionary(fc.string({ minLength: 1, maxLength: 6, unit: "grapheme" }), tie("value"), { maxKeys: 5 }),
  value: fc.oneof(
    { depthSize: "small" },
    fc.constant("leaf"),
    tie("table"),
    fc.array(tie("table"), { minLength: 1, maxLength: 3 }),
    fc.array(fc.constant("leaf"), { minLength: 1, maxLength: 3 }),
  ),
})).table;

test("what the library writes, at random", () => {
  fc.assert(
    fc.property(tree, (table) => {
      const leaves: TomlPath[] = [];
      const text = stringify(numbered(table, [], leaves));
      const lines = tomlLines(text);
      const written = text.split("\n");
      leaves.forEach((path, at) => ok(written[lines(path) - 1]?.includes(`leaf-${at}-`), `${JSON.stringify(path)} in\n${text}`));
    }),
    { seed: 7, numRuns: 500 },
  );
});

/** The same tree, each leaf with its number. */
function numbered(value: unknown, path: TomlPath, leaves: TomlPath[]): unknown {
  if (value === "leaf") return `leaf-${leaves.push(path) - 1}-`;
  if (Array.isArray(value)) return value.map((item, at) => numbered(item, [...path, at], leaves));
  return Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, numbered(item, [...path, key], leaves)]));
}
