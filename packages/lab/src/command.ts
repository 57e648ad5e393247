/**
 * `starling lab ...` as a function of its arguments: parses them and calls the one that does it. Resolves to the exit
 * code and never ends the process, so that the command line, the tests and `npm start` share it.
 */

/** Where output goes and what the terminal is; tests bring their own. */
export interface LabIo {
  write(text: string): void
  error(text: string): void
  readonly terminal: boolean
  readonly columns: number
}

/** `args` are the words after `lab`: `['demo', '--exit-when-converged']`. */
export async function labCommand(args: readonly string[], io: LabIo): Promise<number> {
  io.error(`lab ${args.join(' ')}: coming up`)
  return 1
}
