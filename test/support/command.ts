/** The built `starling` as a child process: what is tested is what ships. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const PROGRAM = fileURLToPath(new URL('../../packages/cli/bin/starling.js', import.meta.url))

export interface Finished {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** `starling ...` to its end. */
export function starling(args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
  return finished(spawn(process.execPath, [PROGRAM, ...args], { env: { ...process.env, ...env } }))
}

/** The same for whoever reads what a terminal shows: both streams, whatever the exit code. */
export async function words(...args: readonly string[]): Promise<string> {
  const { out, err } = await starling(args)
  return out + err
}

export function finished(child: ChildProcess): Promise<Finished> {
  const text = { out: '', err: '' }
  child.stdout?.on('data', (chunk: Buffer) => {
    text.out += chunk.toString()
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    text.err += chunk.toString()
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, ...text }))
  })
}
