/** The door of the command: `main` for whoever wants to run it in a process of his own. */
export { EXIT } from './exit.js'
export { main } from './main.js'
export { VERSION } from './version.js'
