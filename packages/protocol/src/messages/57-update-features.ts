import { array, bool, int8, int16, int32, type MessageOf, message, string } from "../schema.ts";

/** Raise or lower the levels of features. */
export const updateFeaturesRequest = message({
  name: "UpdateFeaturesRequest",
  apiKey: 57,
  kind: "request",
  versions: "0-2",
  flexible: "0+",
  fields: {
    timeoutMs: int32({ default: 60000 }),
    featureUpdates: array({
      feature: string(),
      maxVersionLevel: int16(),
      allowDowngrade: bool({ versions: "0" }),
      upgradeType: int8({ versions: "1+", default: 1 }),
    }),
    validateOnly: bool({ versions: "1+", default: false }),
  },
});
export type UpdateFeaturesRequest = MessageOf<typeof updateFeaturesRequest>;

/** v0–1 one answer per feature. */
export const updateFeaturesResponse = message({
  name: "UpdateFeaturesResponse",
  apiKey: 57,
  kind: "response",
  versions: "0-2",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    results: array(
      {
        feature: string(),
        errorCode: int16(),
        errorMessage: string({ nullable: "0-1" }),
      },
      { versions: "0-1", ignorable: true },
    ),
  },
});
export type UpdateFeaturesResponse = MessageOf<typeof updateFeaturesResponse>;
