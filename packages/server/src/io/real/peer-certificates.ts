/** Both sides show a certificate of an authority in `ca`, and refuse any other. PEM. */
export type PeerTls = Readonly<{ ca: string; cert: string; key: string }>;

/** Hears of connections that a certificate forbids: the address called, or the host of who called. */
export type Denied = (peer: string, reason: string) => void;

/** What OpenSSL and Node call the troubles with a certificate, of either side. */
export function isAboutCertificate(error: NodeJS.ErrnoException): boolean {
  return CERTIFICATE_ERRORS.test(error.code ?? "");
}

const CERTIFICATE_ERRORS = /CERT|SIGNATURE_FAILURE|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|ALERT_UNKNOWN_CA|ALERT_ACCESS_DENIED/;
