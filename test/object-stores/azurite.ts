import { BlobServiceClient } from "@azure/storage-blob";
import { freePort } from "../../tools/free-port.ts";
import { temporaryFolder } from "../process/server-process.ts";
import { answers, BUCKET, installed, missingInstall, StoreProcess, type StoreServer } from "./store-server.ts";

/** Why it cannot be started; undefined: it can. */
export const WITHOUT_AZURITE = missingInstall("node_modules/azurite/dist/src/blob/main.js");

/** The account that Azurite documents for everybody; it is no secret. */
const ACCOUNT = "devstoreaccount1";
const KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/** Microsoft's own emulator of Azure's blobs. */
export async function startAzurite(): Promise<StoreServer> {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}/${ACCOUNT}`;
  const options = [
    "--blobHost",
    "127.0.0.1",
    "--blobPort",
    String(port),
    "--location",
    temporaryFolder(),
    "--skipApiVersionCheck",
    "--silent",
  ];
  const program = installed("node_modules/azurite/dist/src/blob/main.js");
  const server = new StoreProcess(process.execPath, [program, ...options, "--disableTelemetry"]);
  await server.ready(() => answers(endpoint));
  const connection = `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${KEY};BlobEndpoint=${endpoint};`;
  await BlobServiceClient.fromConnectionString(connection).getContainerClient(BUCKET).create();
  return {
    endpoint,
    place: { kind: "az", bucket: BUCKET, prefix: "", endpoint, region: undefined, pathStyle: false },
    environment: { AZURE_STORAGE_ACCOUNT: ACCOUNT, AZURE_STORAGE_KEY: KEY },
    stop: () => server.kill(),
  };
}
