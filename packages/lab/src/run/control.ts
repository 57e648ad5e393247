/**
 * The lab's own control socket, so that a second terminal can look and break things: one JSON request per connection,
 * answered by lines of JSON until the exit code. Whoever can write to the socket owns the lab, so nobody else may.
 */
import { chmodSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

export interface ControlRequest {
  readonly command: string
  readonly args: readonly string[]
}

/** What a request may write while it runs. */
export interface ControlOutput {
  out(text: string): void
  err(text: string): void
}

/** The same at the answering side, which learns when nobody waits any more. */
export interface ControlAnswer extends ControlOutput {
  readonly gone: AbortSignal
}

type Line = { readonly out: string } | { readonly err: string } | { readonly exit: number }

export function serveControl(
  path: string,
  handle: (request: ControlRequest, output: ControlAnswer) => Promise<number>,
): Server {
  const server = createServer((socket) => {
    const send = (line: Line) => socket.writable && socket.write(`${JSON.stringify(line)}\n`)
    // The reader passes the socket's errors on; a client that went away needs no more than that.
    const lines = createInterface({ input: socket }).on('error', () => socket.destroy())
    socket.on('error', () => socket.destroy())
    const gone = new AbortController()
    socket.once('close', () => gone.abort())
    lines.once('line', (line) => {
      const output: ControlAnswer = {
        out: (text) => send({ out: text }),
        err: (text) => send({ err: text }),
        gone: gone.signal,
      }
      answer(line, output, handle).then(
        (exit) => {
          send({ exit })
          socket.end()
        },
        (error: Error) => socket.destroy(error),
      )
    })
  })
  server.listen(path, () => chmodSync(path, 0o600))
  return server
}

async function answer(
  line: string,
  output: ControlAnswer,
  handle: (request: ControlRequest, output: ControlAnswer) => Promise<number>,
): Promise<number> {
  try {
    return await handle(JSON.parse(line) as ControlRequest, output)
  } catch (error) {
    output.err(`${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  }
}

/** Sends one request; resolves to the exit code, 1 when the lab went away before it gave one. */
export function askControl(path: string, request: ControlRequest, output: ControlOutput): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(path)
    let exit = 1
    socket.once('error', reject)
    socket.once('connect', () => socket.write(`${JSON.stringify(request)}\n`))
    createInterface({ input: socket })
      .on('error', reject)
      .on('line', (text) => {
        const line = JSON.parse(text) as Line
        if ('out' in line) output.out(line.out)
        else if ('err' in line) output.err(line.err)
        else exit = line.exit
      })
      .once('close', () => resolve(exit))
  })
}
