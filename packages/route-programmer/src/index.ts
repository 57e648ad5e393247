export * from './driver.js'
export * from './routes.js'
