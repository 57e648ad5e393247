/** The daemons that a device may run beside Starling. */
import type { Daemon } from '../topology/types.js'
import { bird } from './bird.js'
import type { Foreign } from './foreign.js'
import { frr } from './frr.js'
import { gobgp } from './gobgp.js'
import { openbgpd } from './openbgpd.js'

export const FOREIGN: Readonly<Record<Exclude<Daemon, 'starling'>, Foreign>> = { bird, frr, gobgp, openbgpd }

export const foreign = (daemon: Daemon): Foreign | undefined => (daemon === 'starling' ? undefined : FOREIGN[daemon])
