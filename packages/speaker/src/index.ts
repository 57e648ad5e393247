/**
 * The speaker's door.
 */
export { now } from './clock.js'
export { drained, withdrawn } from './drain.js'
export type { ListenAddress } from './listener.js'
export {
  type LoopDelay,
  type SinkExtras,
  Speaker,
  type SpeakerNotice,
  type SpeakerOptions,
  type StopMode,
} from './speaker.js'
export { warmUp } from './warm-up.js'
