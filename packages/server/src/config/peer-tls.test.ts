import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { TestAuthority } from "../testing/test-certificates.ts";
import { ConfigError } from "./config-error.ts";
import { type PeerTlsTexts, readPeerTls } from "./peer-tls.ts";

const NOW_MS = Date.UTC(2031, 4, 5);
const FILES = { cert: "tls/own.crt", key: "tls/own.key", ca: "tls/ca.crt" };
const authority = await TestAuthority.make("cluster", NOW_MS);
const stranger = await TestAuthority.make("cluster", NOW_MS);
const own = await authority.issue("broker-1");

function read(texts: Partial<PeerTlsTexts>): PeerTlsTexts {
  const byPath = new Map(Object.entries(FILES).map(([name, path]) => [path, texts[name as keyof PeerTlsTexts]]));
  const readText = (path: string): string => {
    const text = byPath.get(path);
    if (text === undefined) throw new Error("no such file");
    return text;
  };
  return readPeerTls(FILES, readText, NOW_MS);
}

function problems(texts: Partial<PeerTlsTexts>): readonly string[] {
  try {
    read(texts);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test("three files that fit together", () => {
  deepEqual(read(own), own);
  const several = { ...own, ca: `# ours\n${stranger.ca}\n${authority.ca}` };
  deepEqual(read(several), several);
});

test("an authority between, whose certificate follows the own one", async () => {
  const between = await authority.intermediate("brokers");
  const { cert, key } = await between.issue("broker-1");
  const chain = { cert: `${cert}\n${between.ca}`, key, ca: authority.ca };
  deepEqual(read(chain), chain);
  match(problems({ ...chain, cert }).join(), /^peer-tls\.cert = .*has issued it/);
});

test("what is refused, by file", async () => {
  const other = await authority.issue("broker-2");
  const over = await authority.issue("broker-1", -1000);
  const expected: readonly (readonly [Partial<PeerTlsTexts>, RegExp])[] = [
    [{ ...own, key: other.key }, /^peer-tls\.key = tls\/own\.key: is not the key of the certificate in tls\/own\.crt$/],
    [{ ...own, key: own.cert }, /^peer-tls\.key = tls\/own\.key: must hold a private key \(PEM\) without a password$/],
    [{ ...own, cert: own.key }, /^peer-tls\.cert = tls\/own\.crt: must hold certificates \(PEM\), the own one first$/],
    [{ ...own, ca: "" }, /^peer-tls\.ca = tls\/ca\.crt: must hold certificates \(PEM\) of the authorities$/],
    [{ ...own, ca: authority.ca.replace(/[A-Za-z]{6}\n/, "\n") }, /^peer-tls\.ca = .*must hold certificates/],
    // An authority of the same name: the signature tells them apart.
    [{ ...own, ca: stranger.ca }, /^peer-tls\.cert = .*no certificate in tls\/ca\.crt has issued it, nor one that follows it in its file$/],
    [over, /^peer-tls\.cert = .*was valid until May {2}4 23:59:59 2031 GMT$/],
    [{ cert: own.cert, key: own.key }, /^peer-tls\.ca = tls\/ca\.crt: no such file$/],
  ];
  for (const [texts, said] of expected) {
    const found = problems(texts);
    equal(found.length, 1, `${said}: ${found.join("\n")}`);
    match(found[0] ?? "", said);
  }
});

test("all at once, and nothing of what the files hold", () => {
  equal(problems({}).length, 3);
  const found = problems({ cert: "hush", key: "hush", ca: "hush" });
  equal(found.length, 2, found.join("\n"));
  equal(found.join().includes("hush"), false);
});
