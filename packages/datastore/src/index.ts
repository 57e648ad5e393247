export * from './datastore.js'
