export { EXIT } from './exit.js'
export { main } from './main.js'
export { VERSION } from './version.js'
