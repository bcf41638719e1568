import { storeSuite } from "./contract.ts";
import { startVersitygw, WITHOUT_VERSITYGW } from "./versitygw.ts";

storeSuite("versitygw", WITHOUT_VERSITYGW, startVersitygw, true);
