/** What a processor takes into its output of a file or an answer, which it holds in memory; bytes. */
export const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024;
