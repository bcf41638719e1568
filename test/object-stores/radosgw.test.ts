import { storeSuite } from "./contract.ts";
import { startRadosgw, WITHOUT_RADOSGW } from "./radosgw.ts";

storeSuite("radosgw", WITHOUT_RADOSGW, startRadosgw, false);
