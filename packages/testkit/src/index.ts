/**
 * Test tools shared by the project: seeded randomness, a simulated clock and network, engines as simulated nodes.
 */
export * from './clock.js'
export * from './cluster.js'
export * from './configs.js'
export * from './fake-tables.js'
export * from './mix.js'
export * from './network.js'
export * from './node.js'
export * from './random.js'
export * from './simulate.js'
export * from './story.js'
export * from './transcript.js'
