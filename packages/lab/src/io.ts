/** Where output goes and what the terminal is; the command line hands in its own, tests theirs. */
export interface LabIo {
  write(text: string): void
  error(text: string): void
  readonly terminal: boolean
  readonly columns: number
  readonly rows: number
}

export function styleOf(io: LabIo): { color: boolean } {
  return { color: io.terminal && (process.env['NO_COLOR'] ?? '') === '' }
}
