/**
 * The commands and where their modules are. A module is loaded when its command is called, so that `starling show`
 * does not pay for the engine that `starling node` needs.
 */
import type { Command } from 'commander'
import type { Io } from '../io.js'

export interface CommandEntry {
  readonly name: string
  readonly summary: string
  /** Adds the command with its options. */
  readonly load: () => Promise<(program: Command, io: Io) => void>
  /** Takes the words behind its name as they are and answers with the exit code; no options of ours. */
  readonly raw?: (words: readonly string[], io: Io) => Promise<number>
}

export const COMMANDS: readonly CommandEntry[] = [
  { name: 'node', summary: 'run the agent of this node', load: async () => (await import('./node.js')).register },
  { name: 'reflector', summary: 'run a route reflector', load: async () => (await import('./reflector.js')).register },
  {
    name: 'show',
    summary: 'show the state of a running daemon',
    load: async () => (await import('./show/index.js')).register,
  },
  {
    name: 'explain',
    summary: 'why a route is, or is not, where it should be',
    load: async () => (await import('./explain.js')).register,
  },
  {
    name: 'peer',
    summary: 'act on one session of a running daemon',
    load: async () => (await import('./peer.js')).registerPeer,
  },
  {
    name: 'drain',
    summary: 'take traffic away from this speaker, or bring it back',
    load: async () => (await import('./peer.js')).registerDrain,
  },
  {
    name: 'log-level',
    summary: 'change how much a running daemon logs',
    load: async () => (await import('./peer.js')).registerLogLevel,
  },
  { name: 'reload', summary: 'read the datastore again', load: async () => (await import('./peer.js')).registerReload },
  {
    name: 'health',
    summary: 'is the daemon well? The exit code says it',
    load: async () => (await import('./health.js')).register,
  },
  {
    name: 'lab',
    summary: 'networks of namespaces from topology files',
    load: async () => (program) =>
      void program.command('lab').description('networks of namespaces from topology files'),
    raw: async (words, io) => (await import('@starling/lab')).labCommand(words, io),
  },
]
