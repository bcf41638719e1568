import { createPrivateKey, X509Certificate } from "node:crypto";
import { ConfigError } from "./config-error.ts";
import { CERTIFICATES_MAX } from "./limits.ts";
import type { ReadText } from "./read-file.ts";
import type { PeerTlsFiles } from "./server-config.ts";

/** What the files of `peer-tls` hold (PEM), fit for a transport between peers. */
export type PeerTlsTexts = Readonly<{ cert: string; key: string; ca: string }>;

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Reads the files and looks whether they fit together: what a peer would otherwise refuse later, without saying why.
 * @param nowMs Wall clock: a certificate that is over is refused.
 * @throws {ConfigError} With every problem, by file; never with what a file holds.
 */
export function readPeerTls(files: PeerTlsFiles, readText: ReadText, nowMs: number): PeerTlsTexts {
  const problems: string[] = [];
  const read = (name: keyof PeerTlsFiles): string => {
    try {
      return readText(files[name]);
    } catch (error) {
      problems.push(`peer-tls.${name} = ${files[name]}: ${error instanceof Error ? error.message : String(error)}`);
      return "";
    }
  };
  const texts = { cert: read("cert"), key: read("key"), ca: read("ca") };
  if (problems.length === 0) problems.push(...problemsOf(texts, files, nowMs));
  if (problems.length > 0) throw new ConfigError(problems);
  return texts;
}

function problemsOf({ cert, key, ca }: PeerTlsTexts, files: PeerTlsFiles, nowMs: number): readonly string[] {
  const problems: string[] = [];
  const refuse = (name: keyof PeerTlsFiles, why: string): number => problems.push(`peer-tls.${name} = ${files[name]}: ${why}`);
  const [own, ...issuers] = certificatesOf(cert);
  const authorities = certificatesOf(ca);
  if (own === undefined) refuse("cert", "must hold certificates (PEM), the own one first");
  if (authorities.length === 0) refuse("ca", "must hold certificates (PEM) of the authorities");
  const fits = own === undefined ? true : fitsTo(own, key);
  if (fits === undefined) refuse("key", "must hold a private key (PEM) without a password");
  if (fits === false) refuse("key", `is not the key of the certificate in ${files.cert}`);
  if (own === undefined || authorities.length === 0) return problems;
  if (Date.parse(own.validTo) <= nowMs) refuse("cert", `the certificate was valid until ${own.validTo}`);
  if (!isIssued(own, issuers, authorities))
    refuse("cert", `no certificate in ${files.ca} has issued it, nor one that follows it in its file`);
  return problems;
}

/** Those that can be read, in their order; none when one of them cannot. */
function certificatesOf(text: string): readonly X509Certificate[] {
  try {
    return (text.match(CERTIFICATE) ?? []).slice(0, CERTIFICATES_MAX).map((pem) => new X509Certificate(pem));
  } catch {
    return [];
  }
}

/** Undefined: that is no key. */
function fitsTo(certificate: X509Certificate, key: string): boolean | undefined {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return undefined;
  }
}

/** Up the certificates that come along, to an authority. */
function isIssued(own: X509Certificate, issuers: readonly X509Certificate[], authorities: readonly X509Certificate[]): boolean {
  let certificate: X509Certificate | undefined = own;
  // No more steps than certificates: two may name each other as their issuer.
  for (let step = 0; certificate !== undefined && step <= issuers.length; step++) {
    const issued: X509Certificate = certificate;
    const isIssuer = (by: X509Certificate): boolean => issued.checkIssued(by) && issued.verify(by.publicKey);
    if (authorities.some(isIssuer)) return true;
    certificate = issuers.find(isIssuer);
  }
  return false;
}
