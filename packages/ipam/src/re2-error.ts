/** A pattern that RE2 refuses (see `re2.ts`), in RE2's words. */
export class PatternError extends Error {}
