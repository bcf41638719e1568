import { QueueError } from "../base/errors.ts";

/** The answer to whatever asks for permissions. */
export function securityDisabled(): never {
  throw new QueueError("SECURITY_DISABLED", "No Authorizer is configured.");
}
