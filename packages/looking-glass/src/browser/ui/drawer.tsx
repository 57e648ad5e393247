/** The drawer under each view: the same question asked on a terminal and of the API. */
import type { JSX } from 'preact'
import { Copy } from './parts.js'

/** Quoted for a POSIX shell where needed. */
export const quote = (word: string): string =>
  /^[A-Za-z0-9_./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`

/** The options of `starling show` for what was searched and how it is ordered. */
export const searchWords = ({ match, sort }: { match?: string | undefined; sort?: string | undefined }): string[] => [
  ...(match === undefined ? [] : [`--match ${quote(match)}`]),
  // A value that begins with a dash has to stand in one word with its option.
  ...(sort === undefined ? [] : [`--sort=${sort}`]),
]

export function Drawer({ command, api }: { readonly command: string; readonly api: string }): JSX.Element {
  const request = `curl --unix-socket /run/starling/starling.sock ${quote(`http://localhost/${api}`)}`
  return (
    <details class="drawer">
      <summary>The same on a terminal</summary>
      <dl>
        <dt>Command</dt>
        <dd>
          <code>{command}</code> <Copy text={command}>Copy</Copy>
        </dd>
        <dt>API</dt>
        <dd>
          <code>{request}</code> <Copy text={request}>Copy</Copy>
        </dd>
      </dl>
    </details>
  )
}
