#!/usr/bin/env node
// The built command; `npm run build` makes it.
import { main } from '../dist/main.js'

process.exitCode = await main(process.argv.slice(2))
