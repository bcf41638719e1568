import { storeSuite } from "./contract.ts";
import { startFakeGcs, WITHOUT_FAKE_GCS } from "./fake-gcs.ts";

storeSuite("fake-gcs-server", WITHOUT_FAKE_GCS, startFakeGcs, true);
