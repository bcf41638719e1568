/** Of the package; a test compares. */
export const SERVER_VERSION = "0.1.0";
