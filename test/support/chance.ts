/**
 * Set up before every test file: properties draw the same values in every run, so that a check which was green stays
 * green. `STARLING_SEED=$RANDOM npm test -- unit` draws others; a failure names the seed it had.
 */
import { configureGlobal } from 'fast-check'

configureGlobal({ seed: Number(process.env['STARLING_SEED'] ?? 4271) })
