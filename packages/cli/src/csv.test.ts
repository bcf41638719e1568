import { equal } from "node:assert/strict";
import { test } from "node:test";
import { csvOfOne, csvText } from "./csv.ts";

test("what could end a cell is quoted, and quotes are doubled", () => {
  const rows = [
    { a: 'say "no"', b: "x,y" },
    { a: "two\nlines", b: " blank" },
    { a: "plain", b: "cr\r" },
    { a: "", b: "=1+1" },
  ];
  equal(csvText(["a", "b"], rows), 'a,b\n"say ""no""","x,y"\n"two\nlines"," blank"\nplain,"cr\r"\n,=1+1\n');
});

test("nothing is an empty cell, and a list without rows has its head", () => {
  equal(csvText(["a", "b", "c"], [{ a: null, b: undefined }]), "a,b,c\n,,\n");
  equal(csvText(["a", "b"], []), "a,b\n");
});

test("objects within objects become columns, lists one cell", () => {
  const value = { name: "t", wal: { used: 1, on: true }, replicas: [1, 2] };
  equal(csvOfOne(value), 'name,wal.used,wal.on,replicas\nt,1,true,"[1,2]"\n');
  equal(csvText(["wal.used", "replicas"], [value]), 'wal.used,replicas\n1,"[1,2]"\n');
});
