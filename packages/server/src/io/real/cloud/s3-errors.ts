import { ObjectStoreError } from "../../object-store.ts";
import { errorWord } from "./cloud-calls.ts";
import { type CallContext, noConnection, noCredentials, refusal, storeError } from "./cloud-errors.ts";

/** What the library throws. */
type LibraryError = Error & Readonly<{ $metadata?: Readonly<{ httpStatusCode?: number }> }>;

/** Names of answers without a body, where the library makes up a word. */
const WITHOUT_WORD = /^(Unknown|UnknownError|NotFound|\d+|Error)$/;

/** Turns what the library threw; its text stays out, since some quote the signature. */
export function s3Error(context: CallContext, error: unknown): ObjectStoreError {
  if (error instanceof ObjectStoreError) return error;
  const { name, $metadata: metadata, message } = error as LibraryError;
  if (name === "CredentialsProviderError" || name === "TokenProviderError") return noCredentials(context);
  if (/region is missing/i.test(message)) return storeError(context, "denied", "no region is known: set --s3-region, or AWS_REGION");
  const status = metadata?.httpStatusCode;
  // An error within an answer of 200 (the end of a put in parts) leaves open what was done.
  if (status === undefined || status < 300) return noConnection(context, status === undefined ? errorWord(error) : name);
  return refusal(context, { status, code: WITHOUT_WORD.test(name) ? "" : name });
}
