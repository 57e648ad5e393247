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
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'node',
    summary: 'speak BGP for this node and program its kernel, as the datastore says',
    load: async () => (await import('./node.js')).register,
  },
  {
    name: 'reflector',
    summary: 'reflect routes between clients: from a datastore, or with --as and --accept from nothing at all',
    load: async () => (await import('./reflector.js')).register,
  },
  {
    name: 'programmer',
    summary: 'write kernel routes for an unprivileged starling node, and nothing else',
    load: async () => (await import('./host.js')).registerProgrammer,
  },
  {
    name: 'cleanup',
    summary: 'remove what starling left on this host: routes, tunnel addresses, the CNI file',
    load: async () => (await import('./host.js')).registerCleanup,
  },
  {
    name: 'show',
    summary: 'show the state of a running daemon',
    load: async () => (await import('./show/index.js')).register,
  },
  {
    name: 'top',
    summary: 'a live screen: sessions, rates, kernel, events',
    load: async () => (await import('./top.js')).register,
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
    name: 'record',
    summary: "write a session's inputs to a file, or play such a file again",
    load: async () => (await import('./record.js')).register,
  },
  {
    name: 'drain',
    summary: 'take traffic away from this speaker, or bring it back',
    load: async () => (await import('./peer.js')).registerDrain,
  },
  {
    name: 'undrain',
    summary: 'announce everything again after a drain',
    load: async () => (await import('./peer.js')).registerUndrain,
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
    name: 'doctor',
    summary: 'is this host fit? kernel, powers, ports, rivals, clock, datastore; and how to put it right',
    load: async () => (await import('./doctor.js')).register,
  },
  {
    name: 'watch',
    summary: 'events of a running daemon as they happen, or the paths of PREFIX, for ADDRESS, in PREFIX',
    load: async () => (await import('./events.js')).register,
  },
  {
    name: 'plan',
    summary: 'what a node would do, without doing it',
    load: async () => (await import('./plan.js')).register,
  },
  {
    name: 'check',
    summary: 'validate files of resources, as CI would',
    load: async () => (await import('./documents.js')).registerCheck,
  },
  {
    name: 'apply',
    summary: 'write files of resources to the datastore',
    load: async () => (await import('./documents.js')).registerApply,
  },
  {
    name: 'migrate',
    summary: 'move a running cluster: from node mesh to route reflectors, and back',
    load: async () => (await import('./migrate.js')).register,
  },
  {
    name: 'ipam',
    summary: 'pools, blocks and addresses of the cluster',
    load: async () => (await import('./ipam.js')).register,
  },
  {
    name: 'register',
    summary: "write this node's Node resource, the default pools and configurations",
    load: async () => (await import('./register-node.js')).register,
  },
  {
    name: 'decode',
    summary: 'BGP messages (hexadecimal or JSON lines on standard input, MRT, pcap) to words',
    load: async () => (await import('./decode.js')).register,
  },
  {
    name: 'lab',
    summary: 'topologies in network namespaces: demo, up, down, status, exec, capture, ping, kill, replace, cut, heal',
    load: async () => (await import('./lab.js')).register,
  },
  {
    name: 'completion',
    summary: 'a completion script for your shell',
    load: async () => (await import('./completion.js')).register,
  },
  { name: 'version', summary: 'print the version', load: async () => (await import('./version.js')).register },
]
