/**
 * The commands and where their modules are. A module is loaded when its command is called, so that `starling show`
 * does not pay for the engine that `starling node` needs.
 */
import type { Command } from 'commander'
import type { Io } from '../io.js'

export interface CommandModule {
  register(program: Command, io: Io): void
}

export interface CommandEntry {
  readonly name: string
  readonly load: () => Promise<CommandModule>
  readonly summary: string
}

export const COMMANDS: readonly CommandEntry[] = [
  { name: 'node', summary: 'speak BGP for this node and program its kernel', load: () => import('./node.js') },
  { name: 'reflector', summary: 'reflect routes between clients', load: () => import('./reflector.js') },
  { name: 'lab', summary: 'topologies in network namespaces, and the demo', load: () => import('./lab.js') },
  { name: 'show', summary: 'show the state of a running daemon', load: () => import('./show/index.js') },
]
