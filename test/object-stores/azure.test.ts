import { startAzurite, WITHOUT_AZURITE } from "./azurite.ts";
import { storeSuite } from "./contract.ts";

storeSuite("Azurite", WITHOUT_AZURITE, startAzurite, true);
