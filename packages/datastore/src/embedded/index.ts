/** `@starling/datastore/embedded`: a memory store that several processes on one machine share, without etcd. */
export { type EmbeddedClientOptions, embeddedDatastore } from './client.js'
export type { EmbeddedAddress } from './protocol.js'
export { type EmbeddedServer, type EmbeddedServerOptions, serveEmbedded } from './server.js'
