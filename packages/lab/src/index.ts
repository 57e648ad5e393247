/**
 * @starling/lab: topology files to running networks. `starling lab ...` and `npm start` are `labCommand`; tests use the
 * same door. Nothing here knows the framework of the command line.
 */

export { labCommand } from './command.js'
export { birdFile } from './daemons/bird.js'
export { controlSocket } from './daemons/starling.js'
export { type DemoOptions, runDemo } from './demo.js'
export { createNetns, type Netns } from './fabric/netns.js'
export { checksum, Pinger } from './fabric/ping.js'
export { type KernelRoute, PROTOCOL, type RouteRequest, Wiring } from './fabric/wiring.js'
export type { LabIo } from './io.js'
export { type DeviceView, type LabView, missing } from './run/converge.js'
export { type Glass, openGlass } from './run/glass.js'
export { Lab, type LabOptions, type Mode } from './run/lab.js'
export { chooseMode } from './run/mode.js'
export { loadTopology, parseTopology } from './topology/parse.js'
export { type DevicePlan, type LabPlan, planLab } from './topology/plan.js'
export type { Topology } from './topology/types.js'
export { TopologyError } from './topology/yaml.js'
