/**
 * @starling/lab: topology files to running networks. `starling lab ...` and `npm start` are `labCommand`; tests use the
 * same door. Nothing here knows the framework of the command line.
 */

export type { LabIo } from './command.js'
export { labCommand } from './command.js'
