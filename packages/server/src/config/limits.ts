/** Part of the write-ahead log in use at which uploads begin, whatever else is set; so nothing may wait for more. */
export const UPLOAD_WAL_USED_RATIO = 0.4;

/** The same for texts. */
export const UPLOAD_WAL_USED_PERCENT = Math.round(UPLOAD_WAL_USED_RATIO * 100);
