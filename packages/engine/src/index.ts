/**
 * The engine's door: the `Engine` itself, what it is configured with, what it does to the world, and what it shows.
 */

export { PLAIN_PEER } from './config/defaults.js'
export { changedFields, effectOf, type FieldChange, IMPACT, type Impact } from './config/impact.js'
export * from './config/types.js'
export { type AdminAction, type Admission, Engine, type EngineOptions } from './engine.js'
export * from './events.js'
export * from './policy/types.js'
export type {
  FamilyIndex,
  LocalRoute,
  PeerSlot,
  Retention,
  SessionParameters,
  Tables,
  TablesHost,
  UpdateError,
} from './rib/contract.js'
export type { Endpoints } from './session/connection.js'
export { fsmPage } from './session/diagram.js'
export type { PeerChange, Reconfiguration, Reset } from './session/reconfigure.js'
export type { Signature } from './session/signatures.js'
export * from './sink.js'
export * from './view.js'
