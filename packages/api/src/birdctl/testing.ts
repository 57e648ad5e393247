/** A client of the control socket for tests: what it says, and what comes back until the last reply has ended. */
import { connect } from 'node:net'

export function birdTalk(path: string, commands: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      text += chunk
      const ends = text.match(/^\d{4} .*$/gm) ?? []
      if (ends.length === commands.length + 1) socket.end()
    })
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
    socket.write(commands.map((command) => `${command}\n`).join(''))
  })
}
