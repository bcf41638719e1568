import "reflect-metadata"; // the certificate library wants it to be there before itself
import { webcrypto } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { PeerTls } from "../io/real/peer-certificates.ts";

const KEYS = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 24 * 60 * 60 * 1000;

type KeyPair = webcrypto.CryptoKeyPair;

/** An authority that exists as long as a test does; all of its certificates are for 127.0.0.1 and localhost. */
export class TestAuthority {
  readonly ca: string;
  readonly #name: string;
  readonly #keys: KeyPair;
  readonly #nowMs: number;
  #serial = 1;

  private constructor(name: string, keys: KeyPair, ca: string, nowMs: number) {
    this.#name = name;
    this.#keys = keys;
    this.ca = ca;
    this.#nowMs = nowMs;
  }

  static async make(commonName: string, nowMs: number): Promise<TestAuthority> {
    const keys = await newKeys();
    const name = `CN=${commonName}`;
    const certificate = await X509CertificateGenerator.createSelfSigned({
      name,
      serialNumber: "01",
      notBefore: new Date(nowMs - DAY_MS),
      notAfter: new Date(nowMs + DAY_MS),
      signingAlgorithm: KEYS,
      keys,
      extensions: [new BasicConstraintsExtension(true, 1, true), new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true)],
    });
    return new TestAuthority(name, keys, certificate.toString("pem"), nowMs);
  }

  /** An authority that this one vouches for. Its `ca` has to follow the certificates that it issues. */
  async intermediate(commonName: string): Promise<TestAuthority> {
    const keys = await newKeys();
    const name = `CN=${commonName}`;
    const certificate = await X509CertificateGenerator.create({
      subject: name,
      issuer: this.#name,
      serialNumber: "7f",
      notBefore: new Date(this.#nowMs - DAY_MS),
      notAfter: new Date(this.#nowMs + DAY_MS),
      signingAlgorithm: KEYS,
      signingKey: this.#keys.privateKey,
      publicKey: keys.publicKey,
      extensions: [new BasicConstraintsExtension(true, 0, true), new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true)],
    });
    return new TestAuthority(name, keys, certificate.toString("pem"), this.#nowMs);
  }

  /** A certificate of this authority with its key. `validMs`: from now on; negative: it is over. */
  async issue(commonName: string, validMs = DAY_MS): Promise<PeerTls> {
    const keys = await newKeys();
    this.#serial += 1;
    const certificate = await X509CertificateGenerator.create({
      subject: `CN=${commonName}`,
      issuer: this.#name,
      serialNumber: this.#serial.toString(16).padStart(2, "0"),
      notBefore: new Date(this.#nowMs - DAY_MS),
      notAfter: new Date(this.#nowMs + validMs),
      signingAlgorithm: KEYS,
      signingKey: this.#keys.privateKey,
      publicKey: keys.publicKey,
      extensions: [
        new SubjectAlternativeNameExtension([
          { type: "ip", value: "127.0.0.1" },
          { type: "dns", value: "localhost" },
        ]),
        await AuthorityKeyIdentifierExtension.create(this.#keys.publicKey),
      ],
    });
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
    const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/.{64}/g, "$&\n")}\n-----END PRIVATE KEY-----\n`;
    return { ca: this.ca, cert: certificate.toString("pem"), key };
  }
}

function newKeys(): Promise<KeyPair> {
  return webcrypto.subtle.generateKey(KEYS, true, ["sign", "verify"]);
}
