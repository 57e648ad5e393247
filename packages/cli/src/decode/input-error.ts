/**
 * A file that cannot be read: not there, no capture, damaged in its packing. The person at the terminal can mend it, so the command
 * answers with one line and exit code 1; anything else that is thrown is a defect of ours and keeps its stack.
 */
export class InputError extends Error {
  constructor(path: string, cause: unknown) {
    super(`cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.name = 'InputError'
  }
}
