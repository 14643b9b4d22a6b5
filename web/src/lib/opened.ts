/**
 * The address as it was opened. The router reads what looks like a number as one, and writes the address anew: codes
 * and tokens that consist of digits would not survive it.
 */
export const opened = new URLSearchParams(location.search)
